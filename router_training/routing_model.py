"""The registered router as MLflow runs it: prompts in, the model to ask for each out. MLflow executes this file.

It needs no command line of ours: `mlflow.pyfunc.load_model("models:/router@champion").predict(frame)`, `mlflow models serve`
and batch scoring all read it. Nothing is pickled: the policy lies beside it as arrays, ONNX and JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from router_training.policy import Policy, load_policy

DIAL = 0.8


class RoutingModel(PythonModel):
    """Chooses a model for each row of a frame with the column `prompt`; the parameter `dial` lies in [0, 1]."""

    policy: Policy

    def load_context(self, context: PythonModelContext) -> None:
        """Read the policy that was logged with this model."""
        self.policy = load_policy(context.artifacts["policy"])

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: Mapping[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Return a row per prompt: the model to ask, its P(success), its price in USD, and how novel the prompt is."""
        prompts = [str(prompt) for prompt in model_input["prompt"]]
        forecasts = self.policy.forecast(prompts)
        chosen = self.policy.decide(forecasts, float((params or {}).get("dial", DIAL)))
        rows = range(len(prompts))
        return pd.DataFrame(
            {
                "model": [self.policy.models[j] for j in chosen],
                "p_success": forecasts.p_success[rows, chosen],
                "usd": forecasts.usd[rows, chosen],
                "novelty": forecasts.novelty,
            }
        )


mlflow.models.set_model(RoutingModel())
