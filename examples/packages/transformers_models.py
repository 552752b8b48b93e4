"""Thirty kinds of models of the transformers library, tiny and random: a loss, the sum of its gradients, and what they generate."""

import warnings

import torch
import transformers

warnings.simplefilter("ignore")
transformers.logging.set_verbosity_error()

SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "vocab_size": 64,
    "max_position_embeddings": 64,
}
GROUPED = {"num_key_value_heads": 1}


def tokens(length=12):
    return torch.randint(3, 50, (2, length))


#: name -> what makes the model, what makes its input
MODELS = {
    "bert": (
        lambda: transformers.BertForMaskedLM(transformers.BertConfig(**SIZES)),
        lambda: {
            "input_ids": tokens(),
            "labels": tokens(),
            "attention_mask": torch.tensor([[1] * 12, [1] * 8 + [0] * 4]),
        },
    ),
    "bertcls": (
        lambda: transformers.BertForSequenceClassification(transformers.BertConfig(**SIZES, num_labels=3)),
        lambda: {"input_ids": tokens(), "labels": torch.tensor([0, 2])},
    ),
    "roberta": (
        lambda: transformers.RobertaForMaskedLM(transformers.RobertaConfig(**SIZES)),
        lambda: {"input_ids": tokens(), "labels": tokens()},
    ),
    "distilbert": (
        lambda: transformers.DistilBertForMaskedLM(
            transformers.DistilBertConfig(dim=16, n_layers=2, n_heads=2, hidden_dim=32, vocab_size=64)
        ),
        lambda: {"input_ids": tokens(), "labels": tokens()},
    ),
    "albert": (
        lambda: transformers.AlbertForMaskedLM(transformers.AlbertConfig(**SIZES, embedding_size=8)),
        lambda: {"input_ids": tokens(), "labels": tokens()},
    ),
    "electra": (
        lambda: transformers.ElectraForMaskedLM(transformers.ElectraConfig(**SIZES, embedding_size=8)),
        lambda: {"input_ids": tokens(), "labels": tokens()},
    ),
    "deberta": (
        lambda: transformers.DebertaV2ForMaskedLM(
            transformers.DebertaV2Config(**SIZES, relative_attention=True, pos_att_type=["p2c", "c2p"])
        ),
        lambda: {"input_ids": tokens(), "labels": tokens()},
    ),
    "llama": (
        lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(**SIZES, **GROUPED)),
        lambda: {"input_ids": tokens(), "labels": tokens()},
    ),
    "mistral": (
        lambda: transformers.MistralForCausalLM(
            transformers.MistralConfig(**SIZES, **GROUPED, sliding_window=4)
        ),
        lambda: {"input_ids": tokens(), "labels": tokens()},
    ),
    "qwen2": (
        lambda: transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**SIZES, **GROUPED)),
        lambda: {"input_ids": tokens(), "labels": tokens()},
    ),
    "qwen3": (
        lambda: transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**SIZES, **GROUPED, head_dim=8)),
        lambda: {"input_ids": tokens(), "labels": tokens()},
    ),
    "gemma": (
        lambda: transformers.GemmaForCausalLM(transformers.GemmaConfig(**SIZES, **GROUPED, head_dim=8)),
        lambda: {"input_ids": tokens(), "labels": tokens()},
    ),
    "phi": (
        lambda: transformers.PhiForCausalLM(transformers.PhiConfig(**SIZES)),
        lambda: {"input_ids": tokens(), "labels": tokens()},
    ),
    "mixtral": (
        lambda: transformers.MixtralForCausalLM(
            transformers.MixtralConfig(**SIZES, **GROUPED, num_local_experts=4)
        ),
        lambda: {"input_ids": tokens(), "labels": tokens()},
    ),
    "gptneox": (
        lambda: transformers.GPTNeoXForCausalLM(transformers.GPTNeoXConfig(**SIZES)),
        lambda: {"input_ids": tokens(), "labels": tokens()},
    ),
    "opt": (
        lambda: transformers.OPTForCausalLM(
            transformers.OPTConfig(
                vocab_size=64,
                hidden_size=16,
                num_hidden_layers=2,
                ffn_dim=32,
                num_attention_heads=2,
                word_embed_proj_dim=16,
                max_position_embeddings=64,
            )
        ),
        lambda: {"input_ids": tokens(), "labels": tokens()},
    ),
    "bloom": (
        lambda: transformers.BloomForCausalLM(
            transformers.BloomConfig(vocab_size=64, hidden_size=16, n_layer=2, n_head=2)
        ),
        lambda: {"input_ids": tokens(), "labels": tokens()},
    ),
    "t5": (
        lambda: transformers.T5ForConditionalGeneration(
            transformers.T5Config(
                vocab_size=64,
                d_model=16,
                d_kv=8,
                d_ff=32,
                num_layers=2,
                num_heads=2,
                decoder_start_token_id=0,
            )
        ),
        lambda: {"input_ids": tokens(), "labels": tokens(6)},
    ),
    "bart": (
        lambda: transformers.BartForConditionalGeneration(
            transformers.BartConfig(
                vocab_size=64,
                d_model=16,
                encoder_layers=2,
                decoder_layers=2,
                encoder_attention_heads=2,
                decoder_attention_heads=2,
                encoder_ffn_dim=32,
                decoder_ffn_dim=32,
                max_position_embeddings=64,
            )
        ),
        lambda: {"input_ids": tokens(), "labels": tokens(6)},
    ),
    "vit": (
        lambda: transformers.ViTForImageClassification(
            transformers.ViTConfig(
                hidden_size=16,
                num_hidden_layers=2,
                num_attention_heads=2,
                intermediate_size=32,
                image_size=16,
                patch_size=4,
                num_labels=3,
            )
        ),
        lambda: {"pixel_values": torch.randn(2, 3, 16, 16), "labels": torch.tensor([0, 2])},
    ),
    "swin": (
        lambda: transformers.SwinForImageClassification(
            transformers.SwinConfig(
                image_size=16,
                patch_size=2,
                embed_dim=8,
                depths=[1, 1],
                num_heads=[1, 2],
                window_size=2,
                num_labels=3,
            )
        ),
        lambda: {"pixel_values": torch.randn(2, 3, 16, 16), "labels": torch.tensor([0, 2])},
    ),
    "convnext": (
        lambda: transformers.ConvNextForImageClassification(
            transformers.ConvNextConfig(
                hidden_sizes=[8, 16], depths=[1, 1], num_stages=2, image_size=16, num_labels=3
            )
        ),
        lambda: {"pixel_values": torch.randn(2, 3, 16, 16), "labels": torch.tensor([0, 2])},
    ),
    "resnet": (
        lambda: transformers.ResNetForImageClassification(
            transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], num_labels=3)
        ),
        lambda: {"pixel_values": torch.randn(2, 3, 32, 32), "labels": torch.tensor([0, 2])},
    ),
    "clip": (
        lambda: transformers.CLIPModel(
            transformers.CLIPConfig(
                text_config=dict(**SIZES),
                vision_config={
                    "hidden_size": 16,
                    "num_hidden_layers": 2,
                    "num_attention_heads": 2,
                    "intermediate_size": 32,
                    "image_size": 16,
                    "patch_size": 4,
                },
                projection_dim=8,
            )
        ),
        lambda: {"input_ids": tokens(), "pixel_values": torch.randn(2, 3, 16, 16), "return_loss": True},
    ),
    "whisper": (
        lambda: transformers.WhisperForConditionalGeneration(
            transformers.WhisperConfig(
                vocab_size=64,
                d_model=16,
                encoder_layers=1,
                decoder_layers=1,
                encoder_attention_heads=2,
                decoder_attention_heads=2,
                encoder_ffn_dim=32,
                decoder_ffn_dim=32,
                num_mel_bins=8,
                max_source_positions=20,
                max_target_positions=20,
                pad_token_id=0,
                bos_token_id=1,
                eos_token_id=2,
                decoder_start_token_id=1,
            )
        ),
        lambda: {"input_features": torch.randn(2, 8, 40), "labels": tokens(6)},
    ),
    "wav2vec2": (
        lambda: transformers.Wav2Vec2ForCTC(
            transformers.Wav2Vec2Config(
                **{k: v for k, v in SIZES.items() if k != "max_position_embeddings"},
                conv_dim=(8, 8),
                conv_kernel=(4, 4),
                conv_stride=(4, 4),
                num_feat_extract_layers=2,
                num_conv_pos_embeddings=4,
                num_conv_pos_embedding_groups=2,
                mask_time_prob=0.0,
            )
        ),
        lambda: {"input_values": torch.randn(2, 400), "labels": tokens(5)},
    ),
    "mamba": (
        lambda: transformers.MambaForCausalLM(
            transformers.MambaConfig(vocab_size=64, hidden_size=16, num_hidden_layers=2, state_size=4)
        ),
        lambda: {"input_ids": tokens(), "labels": tokens()},
    ),
    "xlnet": (
        lambda: transformers.XLNetLMHeadModel(
            transformers.XLNetConfig(vocab_size=64, d_model=16, n_layer=2, n_head=2, d_inner=32)
        ),
        lambda: {"input_ids": tokens(), "labels": tokens()},
    ),
    "segformer": (
        lambda: transformers.SegformerForSemanticSegmentation(
            transformers.SegformerConfig(
                num_encoder_blocks=2,
                depths=[1, 1],
                sr_ratios=[2, 1],
                hidden_sizes=[8, 16],
                patch_sizes=[3, 3],
                strides=[2, 2],
                num_attention_heads=[1, 2],
                mlp_ratios=[2, 2],
                decoder_hidden_size=8,
                num_labels=3,
            )
        ),
        lambda: {"pixel_values": torch.randn(2, 3, 16, 16), "labels": torch.randint(0, 3, (2, 16, 16))},
    ),
    "detr": (
        lambda: transformers.DetrForObjectDetection(
            transformers.DetrConfig(
                use_timm_backbone=False,
                use_pretrained_backbone=False,
                backbone=None,
                backbone_config=transformers.ResNetConfig(
                    embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], out_features=["stage2"]
                ),
                d_model=16,
                encoder_layers=1,
                decoder_layers=1,
                encoder_attention_heads=2,
                decoder_attention_heads=2,
                encoder_ffn_dim=32,
                decoder_ffn_dim=32,
                num_queries=4,
                num_labels=3,
            )
        ),
        lambda: {"pixel_values": torch.randn(1, 3, 32, 32)},
    ),
}

for name, (make, inputs) in MODELS.items():
    torch.manual_seed(0)
    model = make().train()
    given = inputs()
    torch.manual_seed(1)
    result = model(**given)
    loss = getattr(result, "loss", None)
    if loss is None:
        parts = [
            part for part in result.to_tuple() if isinstance(part, torch.Tensor) and part.is_floating_point()
        ]
        loss = sum(part.float().pow(2).mean() for part in parts)
    loss.backward()
    slope = sum(p.grad.double().abs().sum().item() for p in model.parameters() if p.grad is not None)
    print(
        f"{name}: loss {loss.item():.4f}, gradients {slope:.2f}, {sum(p.numel() for p in model.parameters())} parameters"
    )
    if "input_ids" in given and type(model).__name__.endswith(("CausalLM", "Generation")):
        model.eval()
        mask = torch.ones_like(given["input_ids"])
        made = model.generate(given["input_ids"], max_new_tokens=4, do_sample=False, attention_mask=mask)
        print("  goes on with", made.tolist()[0][-4:])
