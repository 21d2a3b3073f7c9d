"""What a run may spend, what it has spent, and at which steps its quality is scored. A module of plain numbers."""

from __future__ import annotations

from carv3d.config.schema import BudgetConfig, Config

UNITS = ("seconds", "renders", "draws", "teacher_evals", "flops")


def spent(ledger: dict[str, int], seconds: float) -> dict[str, float]:
    """The cost so far in every unit. teacher_evals: all rows through the denoiser, the LoRA's training rows too, which
    the ledger keeps apart as lora_draws. flops only where they are counted, which a budget of them asks for."""
    counted = {"flops": ledger["flops"]} if "flops" in ledger else {}
    return {"seconds": seconds, "renders": ledger["renders"], "draws": ledger["draws"],
            "teacher_evals": ledger["teacher_evals"] + ledger["lora_draws"], **counted}


def limits(budget: BudgetConfig) -> dict[str, float]:
    """The budgets that are set."""
    return {unit: limit for unit in UNITS if (limit := getattr(budget, unit))}


def reached(budget: BudgetConfig, cost: dict[str, float]) -> str | None:
    """The key of the first budget that is used up, or None."""
    return next((f"budget.{unit}" for unit, limit in limits(budget).items() if cost[unit] >= limit), None)


def stopped_by(config: Config, step: int, cost: dict[str, float]) -> str | None:
    """The key of what ends a run at this step, or None."""
    return reached(config.budget, cost) or ("trainer.max_steps" if step >= config.trainer.max_steps else None)


def points(config: Config, count: int, step: int, cost: dict[str, float]) -> int:
    """How many of ``count`` points of equal cost are passed by now. A function of the cost alone, so a resumed run
    stops at those of a whole one, and at none twice."""
    set_ = limits(config.budget)
    shares = [cost[unit] * count // limit for unit, limit in set_.items()] or [step * count // config.trainer.max_steps]
    return min(int(max(shares)), count)


def most_steps(config: Config, step_cost: dict[str, float]) -> int:
    """Steps of a run whose every step costs ``step_cost``."""
    ends = [-(-limit // step_cost[unit]) for unit, limit in limits(config.budget).items() if step_cost[unit] > 0]
    return int(min([config.trainer.max_steps, *ends]))
