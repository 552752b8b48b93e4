"""How a run is shown: terminal, JSON, JUnit."""
