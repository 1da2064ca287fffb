"""Each trainer trains for real, as the plain loop does; interrupted runs end like whole ones."""

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from dataselect import DataselectError
from dataselect.reweighting import (
    Cosine,
    LinUpper,
    LossReweighter,
    RunningRange,
    accumulate,
    classification_losses,
    per_sequence_cross_entropy,
)

VOCABULARY, TOKENS, SAMPLES = 23, 9, 22
RATE = 0.3


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(os.environ, "HF_HUB_OFFLINE", "1")


class Sequences(Dataset[dict[str, Tensor]]):
    """Ragged sequences; one has nothing to predict."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.ids = torch.randint(0, VOCABULARY, (SAMPLES, TOKENS), generator=generator)
        self.labels = self.ids.clone()
        for row in range(SAMPLES):
            self.labels[row, 2 + row % (TOKENS - 1) :] = -100
        self.labels[5] = -100

    def __len__(self) -> int:
        return SAMPLES

    def __getitem__(self, i: int) -> dict[str, Tensor]:
        return {"input_ids": self.ids[i], "labels": self.labels[i]}


def reweighter(r: float | None = None) -> LossReweighter:
    if r is not None:
        return LossReweighter(LinUpper(), r=r)
    return LossReweighter(
        LinUpper(), r=Cosine(2.0, 0.4, 5), warmup_steps=1, normalisation=RunningRange(4)
    )


def language_model() -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=VOCABULARY, n_positions=TOKENS, n_embd=8, n_layer=1, n_head=2,
            resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=0, eos_token_id=0,
        )
    )  # fmt: skip


def windows(batch: int, accumulation: int) -> Iterator[list[dict[str, Tensor]]]:
    """The micro-batches of each step of an epoch, in order; the last step has fewer."""
    batches = list(DataLoader(Sequences(), batch_size=batch))
    for first in range(0, len(batches), accumulation):
        yield batches[first : first + accumulation]


def plain_loop(
    reweight: LossReweighter, *, epochs: int = 2, batch: int = 4, accumulation: int = 1
) -> tuple[Any, list[float]]:
    model = language_model()
    optimiser = torch.optim.SGD(model.parameters(), lr=RATE)
    course = []
    for _ in range(epochs):
        for window in windows(batch, accumulation):
            outs = accumulate(reweight, lambda b: sequence_losses(model, b), window)
            optimiser.step()
            optimiser.zero_grad()
            course.append(sum(float(out.loss.detach()) for out in outs) / len(window))
    return model, course


def sequence_losses(model: Any, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    losses, tokens = per_sequence_cross_entropy(model(batch["input_ids"]).logits, batch["labels"])
    return losses, tokens > 0


def same_parameters(a: nn.Module, b: nn.Module) -> None:
    for (name, x), (_, y) in zip(a.named_parameters(), b.named_parameters(), strict=True):
        torch.testing.assert_close(x, y, rtol=1e-4, atol=1e-6, msg=lambda m, n=name: f"{n}: {m}")


class TestPlainLoop:
    def test_losses_fall(self) -> None:
        _, course = plain_loop(reweighter(), epochs=12)
        assert sum(course[-6:]) < 0.9 * sum(course[:6])

    @pytest.mark.parametrize("two_pass", [False, True])
    def test_two_passes_are_one_large_batch_and_dropout_is_drawn_once(self, two_pass: bool) -> None:
        torch.manual_seed(1)
        model = nn.Sequential(nn.Linear(5, 40), nn.Dropout(0.5), nn.Linear(40, 3))
        x, y = torch.randn(24, 5), torch.randint(0, 3, (24,))
        reweight = LossReweighter(LinUpper(), r=0.2)
        masks: list[Tensor] = []
        model[1].register_forward_hook(lambda m, i, out: masks.append(out.detach() == 0))
        torch.manual_seed(2)
        accumulate(
            reweight,
            lambda own: classification_losses(model(x[own]), y[own]),
            list(torch.arange(24).split([5, 9, 10])),
            two_pass=two_pass,
        )
        ours = [p.grad.clone() for p in model.parameters() if p.grad is not None]
        assert len(masks) == (6 if two_pass else 3)
        assert all(torch.equal(a, b) for a, b in zip(masks[:3], masks[-3:], strict=True))
        kept = torch.cat(masks[-3:])
        model.zero_grad()
        hidden = model[0](x) * 2 * ~kept
        LossReweighter(LinUpper(), r=0.2)(
            *classification_losses(model[2](hidden), y)
        ).loss.backward()
        close = [
            torch.allclose(a, p.grad, atol=1e-6)
            for a, p in zip(ours, model.parameters(), strict=True)
            if p.grad is not None
        ]
        assert all(close) is two_pass

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    def test_two_passes_by_tokens_within_autocast(self, dtype: torch.dtype) -> None:
        """More tokens than bfloat16 counts; autocast keeps casts from the first pass."""
        torch.manual_seed(1)
        model = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 1))
        x, prior = torch.randn(8, 5), torch.tensor([257, 1, 259, 3, 261, 5, 263, 7])
        found = []
        for whole in (True, False):
            model.zero_grad()
            reweight = LossReweighter(LinUpper(), r=0.4)
            with torch.autocast("cpu", torch.bfloat16):
                if whole:
                    out = reweight(model(x)[:, 0].square().to(dtype), prior)
                    out.loss.backward()
                else:
                    [out] = accumulate(
                        reweight,
                        lambda own: (model(x[own])[:, 0].square().to(dtype), prior[own]),
                        list(torch.arange(8).split(4)),
                        two_pass=True,
                    )
            found.append([out.weights, *(p.grad.clone() for p in model.parameters())])
        torch.testing.assert_close(found[1][0], found[0][0], rtol=1e-6, atol=0)
        torch.testing.assert_close(found[1][1:], found[0][1:], rtol=0.02, atol=1e-3)

    def test_interrupted_and_resumed(self, tmp_path: Path) -> None:
        """The weights and losses of a killed run that goes on are those of one that was not."""

        def train(reweight: LossReweighter, model: Any, optimiser: Any, steps: range) -> list[Any]:
            rows = []
            for step in steps:
                own = torch.arange(4) + 4 * (step % 5)
                data = Sequences()
                out = reweight.from_logits(model(data.ids[own]).logits, data.labels[own])
                out.loss.backward()
                optimiser.step()
                optimiser.zero_grad()
                rows.append((out.weights.tolist(), float(out.loss.detach())))
            return rows

        def made() -> tuple[LossReweighter, Any, Any]:
            model = language_model()
            return reweighter(), model, torch.optim.AdamW(model.parameters(), lr=0.01)

        reweight, model, optimiser = made()
        expected = train(reweight, model, optimiser, range(14))
        reweight, model, optimiser = made()
        found = train(reweight, model, optimiser, range(6))
        state = {"r": reweight.state_dict(), "m": model.state_dict(), "o": optimiser.state_dict()}
        torch.save(state, tmp_path / "state.pt")
        reweight, model, optimiser = made()
        state = torch.load(tmp_path / "state.pt", weights_only=True)
        reweight.load_state_dict(state["r"])
        model.load_state_dict(state["m"])
        optimiser.load_state_dict(state["o"])
        found += train(reweight, model, optimiser, range(6, 14))
        assert found == expected
        assert len({len(set(weights)) for weights, _ in expected}) > 1  # uniform, then not


class TestHuggingFace:
    def trainer(
        self,
        folder: Path,
        *,
        accumulation: int = 1,
        epochs: float = 2,
        model: Any = None,
        **more: Any,
    ) -> Any:
        from transformers import Trainer, TrainingArguments

        class InOrder(Trainer):
            def _get_train_sampler(self, *others: Any) -> Any:
                return torch.utils.data.SequentialSampler(self.train_dataset)

        arguments = TrainingArguments(
            str(folder), per_device_train_batch_size=4, num_train_epochs=epochs, use_cpu=True,
            gradient_accumulation_steps=accumulation, learning_rate=RATE, optim="sgd",
            lr_scheduler_type="constant", max_grad_norm=0.0, logging_steps=1, report_to=[],
            disable_tqdm=True, save_strategy=more.pop("save_strategy", "no"), seed=0, **more,
        )  # fmt: skip
        return InOrder(
            model or language_model(),
            arguments,
            train_dataset=Sequences(),
            eval_dataset=Sequences(),
        )

    @pytest.mark.parametrize("accumulation", [1, 4])
    def test_is_the_plain_loop(self, tmp_path: Path, accumulation: int) -> None:
        from dataselect.reweighting.trainers.huggingface import reweight_trainer

        trainer, reweight = self.trainer(tmp_path, accumulation=accumulation), reweighter()
        reweight_trainer(trainer, reweight)
        trainer.train()
        expected, course = plain_loop(reweighter(), accumulation=accumulation)
        same_parameters(trainer.model, expected)
        logs = [log for log in trainer.state.log_history if "loss" in log]
        # The last step of an epoch has 2 micro-batches of 4, and its loss is not half of it.
        assert [log["loss"] for log in logs] == pytest.approx(course, rel=1e-4)
        assert {log["reweighting/step"] for log in logs} == set(range(len(course)))

    @pytest.mark.parametrize("accumulation", [1, 4])
    def test_uniform_by_tokens_is_the_trainer_without(
        self, tmp_path: Path, accumulation: int
    ) -> None:
        from dataselect.reweighting.trainers.huggingface import reweight_trainer

        bare = self.trainer(tmp_path / "bare", accumulation=accumulation)
        bare.train()
        trainer = self.trainer(tmp_path / "ours", accumulation=accumulation)
        reweight_trainer(trainer, reweighter(math.inf), average="token")
        trainer.train()
        same_parameters(trainer.model, bare.model)

        def logged(of: Any) -> list[float]:
            return [log["loss"] for log in of.state.log_history if "loss" in log]

        assert logged(trainer) == pytest.approx(logged(bare), rel=1e-4)

    def test_evaluation_is_the_trainer_without(self, tmp_path: Path) -> None:
        from dataselect.reweighting.trainers.huggingface import reweight_trainer

        more: dict[str, Any] = {"per_device_eval_batch_size": SAMPLES}
        expected = self.trainer(tmp_path, **more).evaluate()["eval_loss"]
        trainer = self.trainer(tmp_path, **more)
        reweight_trainer(trainer, reweighter(0.1))
        assert trainer.evaluate()["eval_loss"] == pytest.approx(expected, rel=1e-5)

    @pytest.mark.parametrize("callbacks", [False, True])
    def test_goes_on_at_a_checkpoint(self, tmp_path: Path, callbacks: bool) -> None:
        from dataselect.reweighting.trainers.huggingface import reweight_trainer

        more: dict[str, Any] = {
            "save_strategy": "steps",
            "save_steps": 3,
            "restore_callback_states_from_checkpoint": callbacks,
        }
        whole, first, second = (self.trainer(tmp_path / name, **more) for name in "abb")
        for trainer in (whole, first, second):
            reweight_trainer(trainer, reweighter())
        whole.train()
        first.args.max_steps = 3
        first.train()
        saved = json.loads((tmp_path / "b/checkpoint-3/trainer_state.json").read_text())
        assert "ReweightingCallback" in saved["stateful_callbacks"]
        second.train(resume_from_checkpoint=str(tmp_path / "b/checkpoint-3"))
        same_parameters(second.model, whole.model)
        assert [log["reweighting/step"] for log in second.state.log_history if "loss" in log] == [
            log["reweighting/step"] for log in whole.state.log_history if "loss" in log
        ]

    def test_a_model_made_when_training_begins(self, tmp_path: Path) -> None:
        from transformers import Trainer

        from dataselect.reweighting.trainers.huggingface import reweight_trainer

        plain = self.trainer(tmp_path)
        trainer = Trainer(
            args=plain.args,
            model_init=language_model,
            train_dataset=Sequences(),
            eval_dataset=Sequences(),
        )
        reweight = reweighter()
        reweight_trainer(trainer, reweight)
        trainer.args.max_steps = 2
        trainer.train()
        calls = reweight.calls
        trainer.evaluate()
        assert (calls, reweight.calls) == (2, 2)

    def test_what_it_cannot_do_is_refused(self, tmp_path: Path) -> None:
        from transformers import BertConfig, BertForMaskedLM, Trainer

        from dataselect.reweighting.trainers.huggingface import reweight_trainer

        smoothed = self.trainer(tmp_path, label_smoothing_factor=0.1)
        with pytest.raises(DataselectError, match=r"label_smoothing_factor=0\.1"):
            reweight_trainer(smoothed, reweighter())
        tiny = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
        bert = BertForMaskedLM(BertConfig(vocab_size=VOCABULARY, intermediate_size=8, **tiny))
        masked = Trainer(bert, self.trainer(tmp_path).args, train_dataset=Sequences())
        with pytest.raises(DataselectError, match="BertForMaskedLM is no causal language model"):
            reweight_trainer(masked, reweighter())
        reweight_trainer(
            masked,
            reweighter(),
            losses_of=lambda out, labels: per_sequence_cross_entropy(
                out["logits"], labels, shift=False
            ),
        )
        with pytest.raises(DataselectError, match="has a compute_loss_func already"):
            reweight_trainer(masked, reweighter())

    def test_other_models(self, tmp_path: Path) -> None:
        from transformers import GPT2Config, GPT2ForSequenceClassification

        from dataselect.reweighting.trainers.huggingface import reweight_trainer

        class Labelled(Sequences):
            def __getitem__(self, i: int) -> dict[str, Tensor]:
                return {"input_ids": self.ids[i], "labels": self.ids[i, 0] % 2}

        model = GPT2ForSequenceClassification(
            GPT2Config(
                vocab_size=VOCABULARY, n_positions=TOKENS, n_embd=8, n_layer=1, n_head=2,
                pad_token_id=VOCABULARY - 1, bos_token_id=0, eos_token_id=0, num_labels=2,
            )
        )  # fmt: skip
        trainer = self.trainer(tmp_path, epochs=15, model=model)
        trainer.train_dataset = Labelled()
        reweight_trainer(
            trainer,
            reweighter(0.4),
            losses_of=lambda outputs, labels: classification_losses(outputs["logits"], labels),
        )
        trainer.train()
        losses = [
            log["reweighting/unweighted_loss"] for log in trainer.state.log_history if "loss" in log
        ]
        assert sum(losses[-6:]) < 0.8 * sum(losses[:6])


class TestAccelerate:
    def accelerated(self, accumulation: int) -> tuple[Any, LossReweighter, list[float], Any]:
        from accelerate import Accelerator

        from dataselect.reweighting.trainers.accelerate import prepare

        accelerator = Accelerator(cpu=True, gradient_accumulation_steps=accumulation)
        reweight = prepare(accelerator, reweighter())
        model = language_model()
        optimiser = torch.optim.SGD(model.parameters(), lr=RATE)
        loader = DataLoader(Sequences(), batch_size=4)
        model, optimiser, loader = accelerator.prepare(model, optimiser, loader)
        steps = []
        for _ in range(2):
            for batch in loader:
                with accelerator.accumulate(model):
                    out = reweight.from_logits(model(batch["input_ids"]).logits, batch["labels"])
                    accelerator.backward(out.loss)
                    optimiser.step()
                    optimiser.zero_grad()
                steps.append(out.stats.step)
        return model, reweight, steps, accelerator

    def test_is_the_plain_loop(self) -> None:
        model, _, _, _ = self.accelerated(1)
        same_parameters(model, plain_loop(reweighter())[0])

    def test_steps_are_the_optimisers(self, tmp_path: Path) -> None:
        _, reweight, steps, accelerator = self.accelerated(4)
        # Six micro-batches an epoch: steps of four and of two.
        assert steps == [0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 3]
        accelerator.save_state(str(tmp_path / "state"), safe_serialization=True)
        before = reweight.get_extra_state()
        reweight.step = 99
        accelerator.load_state(str(tmp_path / "state"))
        torch.testing.assert_close(reweight.get_extra_state(), before, rtol=0, atol=0)


class TestLightning:
    def module(self, reweight: LossReweighter) -> Any:
        from lightning.pytorch import LightningModule

        class Module(LightningModule):
            def __init__(self) -> None:
                super().__init__()
                self.model = language_model()
                self.seen: list[tuple[bool, float, float]] = []

            def training_step(self, batch: dict[str, Tensor], index: int) -> Tensor:
                out = reweight.from_logits(self.model(batch["input_ids"]).logits, batch["labels"])
                self.seen.append((reweight.training, out.stats.r, out.stats.step))
                return out.loss

            def validation_step(self, batch: dict[str, Tensor], index: int) -> None:
                out = reweight.from_logits(self.model(batch["input_ids"]).logits, batch["labels"])
                self.seen.append((reweight.training, out.stats.r, out.stats.step))

            def configure_optimizers(self) -> torch.optim.Optimizer:
                return torch.optim.SGD(self.parameters(), lr=RATE)

        return Module()

    def trainer(self, reweight: LossReweighter, folder: Path, **more: Any) -> Any:
        from lightning.pytorch import Trainer

        from dataselect.reweighting.trainers.lightning import ReweightingCallback

        return Trainer(
            accelerator="cpu", devices=1, logger=False, enable_progress_bar=False,
            enable_model_summary=False, callbacks=[ReweightingCallback(reweight)],
            num_sanity_val_steps=0, default_root_dir=str(folder), **more,
        )  # fmt: skip

    @pytest.mark.filterwarnings("ignore")  # Lightning's advice on workers and its own deprecations
    def test_is_the_plain_loop_and_validation_is_not_weighted(self, tmp_path: Path) -> None:
        reweight = reweighter()
        module = self.module(reweight)
        loaders = [DataLoader(Sequences(), batch_size=4) for _ in range(2)]
        self.trainer(reweight, tmp_path, max_epochs=2).fit(module, *loaders)
        same_parameters(module.model, plain_loop(reweighter())[0])
        training = [step for training, _, step in module.seen if training]
        assert training == list(range(12))
        assert {r for training, r, _ in module.seen if not training} == {math.inf}

    @pytest.mark.filterwarnings("ignore")
    def test_steps_and_checkpoints(self, tmp_path: Path) -> None:
        def fit(reweight: LossReweighter, epochs: int, **more: Any) -> tuple[Any, Any]:
            module = self.module(reweight)
            trainer = self.trainer(reweight, tmp_path, max_epochs=epochs, accumulate_grad_batches=4)
            trainer.fit(module, DataLoader(Sequences(), batch_size=4), **more)
            return module, trainer

        whole, _ = fit(reweighter(), 4)
        assert [step for _, _, step in whole.seen] == [0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 3] + [
            step + 4 for step in [0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 3]
        ]
        _, trainer = fit(reweighter(), 2)
        trainer.save_checkpoint(tmp_path / "two.ckpt")
        resumed, _ = fit(reweighter(), 4, ckpt_path=str(tmp_path / "two.ckpt"))
        same_parameters(resumed.model, whole.model)
        assert resumed.seen == whole.seen[12:]


def test_importing_the_package_or_the_command_line_does_not_import_torch() -> None:
    import subprocess
    import sys

    for module in ("dataselect", "zerocost_cli.dataselect.main"):
        code = f"import sys, {module}; print('torch' in sys.modules)"
        ran = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert ran.stdout.strip() == "False", module
