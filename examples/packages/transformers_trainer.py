"""The Trainer of the transformers library: two epochs of a tiny GPT-2 on random text, an evaluation, and a checkpoint read back."""

import os
import tempfile
import warnings

import torch
import transformers
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

warnings.simplefilter("ignore")
transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
torch.manual_seed(0)


class Sentences(torch.utils.data.Dataset):
    def __len__(self):
        return 16

    def __getitem__(self, place):
        words = torch.randint(3, 50, (8,), generator=torch.Generator().manual_seed(place))
        return {"input_ids": words, "labels": words}


model = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_positions=32, n_embd=16, n_layer=1, n_head=2))
with tempfile.TemporaryDirectory() as folder:
    arguments = TrainingArguments(
        output_dir=folder,
        num_train_epochs=2,
        per_device_train_batch_size=4,
        logging_steps=2,
        report_to=[],
        use_cpu=True,
        save_strategy="epoch",
        disable_tqdm=True,
        log_level="error",
        seed=1,
    )
    trainer = Trainer(model=model, args=arguments, train_dataset=Sentences(), eval_dataset=Sentences())
    trainer.remove_callback(transformers.PrinterCallback)
    print("training loss", round(trainer.train().training_loss, 4))
    print("evaluation loss", round(trainer.evaluate()["eval_loss"], 4))
    for entry in trainer.state.log_history:
        print({key: round(entry[key], 4) for key in ("loss", "grad_norm", "epoch") if key in entry})
    saved = sorted(os.listdir(folder))
    print(saved)
    again = GPT2LMHeadModel.from_pretrained(os.path.join(folder, saved[-1]))
    same = all(torch.equal(a, b) for a, b in zip(again.parameters(), model.parameters(), strict=True))
    print("read back the same:", same)
