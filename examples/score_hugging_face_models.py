"""Score Hugging Face encoders and decoders from their configurations; nothing is downloaded.

W-PCA reads the feed-forward layers wherever a model has them: BERT's two linear layers, the
``Conv1D`` of GPT-2, the fused gate of ModernBERT.

    python examples/score_hugging_face_models.py
"""

from __future__ import annotations

import torch
from transformers import (
    BertConfig,
    BertModel,
    GPT2Config,
    GPT2Model,
    ModernBertConfig,
    ModernBertModel,
    PreTrainedModel,
)

import nasproxy

VOCABULARY = 1000
SPECIAL = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}


def models() -> dict[str, PreTrainedModel]:
    torch.manual_seed(0)
    return {
        "BERT, 4 layers of 128": BertModel(
            BertConfig(
                vocab_size=VOCABULARY,
                hidden_size=128,
                num_hidden_layers=4,
                num_attention_heads=4,
                intermediate_size=512,
            )
        ),
        "GPT-2, 4 layers of 128": GPT2Model(
            GPT2Config(vocab_size=VOCABULARY, n_embd=128, n_layer=4, n_head=4, **SPECIAL)
        ),
        "ModernBERT, 4 layers of 128": ModernBertModel(
            ModernBertConfig(
                vocab_size=VOCABULARY,
                hidden_size=128,
                num_hidden_layers=4,
                num_attention_heads=4,
                intermediate_size=256,
                cls_token_id=1,
                sep_token_id=2,
                **SPECIAL,
            )
        ),
    }


def main() -> None:
    ids = torch.randint(3, VOCABULARY, (8, 64), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    mask[:, 48:] = 0  # padding, which the principal components leave out
    batch = nasproxy.Batch({"input_ids": ids, "attention_mask": mask})
    for name, model in models().items():
        scores = nasproxy.evaluate(model, batch, proxies=["wpca", "vpca", "pca_entropy"])
        layers = ", ".join(f"{count:.0f}" for count in scores["vpca"].nodes)
        print(f"{name}: W-PCA {scores['wpca'].value:.4g}, components {layers}")


if __name__ == "__main__":
    main()
