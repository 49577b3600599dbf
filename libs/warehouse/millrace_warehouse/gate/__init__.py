"""The gate: what SQL of a tenant or of a model may say, and its rewriting so that it reads one tenant only (barrier A).

It uses the engine's own parser, so there is no second idea of what a text means; only the text that the engine prints of the
checked tree is ever executed (docs/adr/0003-two-barriers.md).
"""
