"""Language models behind an OpenAI-compatible gateway: an opinion more, within hard bounds."""
