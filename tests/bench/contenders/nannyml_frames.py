"""ROC AUC of each chunk as NannyML estimates it before labels are known. Arguments: REFERENCE and ANALYSIS, Parquet.

Both have the columns probability and chunk; the reference also label. It prints JSON: a value for each chunk.
"""

import json
import sys

import nannyml
import pandas as pd


def main() -> None:
    """Estimate by confidence (CBPE), which recalibrates on the reference where that helps."""
    reference, analysis = (pd.read_parquet(path) for path in sys.argv[1:3])
    for frame in (reference, analysis):
        frame["predicted"] = (frame["probability"] >= 0.5).astype(int)
    estimator = nannyml.CBPE(
        metrics=["roc_auc"],
        y_true="label",
        y_pred_proba="probability",
        y_pred="predicted",
        problem_type="classification_binary",
        chunk_size=int(analysis["chunk"].value_counts().iloc[0]),
    )
    estimator.fit(reference)
    found = estimator.estimate(analysis).filter(period="analysis").to_df()
    print(json.dumps({"roc_auc": found[("roc_auc", "value")].tolist()}))


if __name__ == "__main__":
    main()
