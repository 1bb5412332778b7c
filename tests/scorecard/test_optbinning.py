"""Weights of evidence and information values of a derived scorecard are those that optbinning reckons for the same bins."""

import csv
import json
import math
import pathlib
import random
import subprocess

import numpy as np
from optbinning import OptimalBinning

ROOT = pathlib.Path(__file__).resolve().parents[2]


def companies(path, rows=3000):
    """Companies of which industry and size matter; a tenth of the sizes is not known."""
    draw = random.Random(7)
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["ID", "Industry", "Employees", "Colour", "Won"])
        for row in range(rows):
            industry = draw.choice(["Trades", "Software", "Retail", "Farming"])
            employees = int(math.exp(draw.uniform(1.5, 7.5)))
            odds = {"Trades": 1.0, "Farming": -1.2}.get(industry, 0.0) + (0.9 if 50 <= employees < 600 else -0.7) - 0.5
            won = draw.random() < 1 / (1 + math.exp(-odds))
            known = draw.random() > 0.1
            colour = draw.choice(["red", "green"])
            writer.writerow([f"c{row}", industry, employees if known else "", colour, "yes" if won else "no"])


def test_evidence_is_that_of_optbinning(tmp_path):
    companies(tmp_path / "deals.csv")
    command = [ROOT / "target" / "debug" / "assay", "profile", "derive", "deals.csv", "--folds", "0", "--format", "json"]
    report = json.loads(subprocess.run(command, cwd=tmp_path, check=True, capture_output=True).stdout)
    with open(tmp_path / "deals.csv") as file:
        table = list(csv.DictReader(file))
    won = [int(row["Won"] == "yes") for row in table]
    columns = {column["column"]: column for column in report["columns"]}
    assert columns["Industry"]["verdict"] == columns["Employees"]["verdict"] == "used"
    assert columns["Colour"]["verdict"] == "no_effect"

    compared = 0
    for name, kind in [("Employees", "numerical"), ("Industry", "categorical")]:
        column = columns[name]
        known = [part for part in column["bins"] if part["known"]]
        if kind == "numerical":
            values = np.array([float(row[name]) if row[name] else math.nan for row in table])
            splits = np.array([part["from"] for part in known if part["from"] is not None])
        else:
            values = np.array([row[name] for row in table], dtype=object)
            splits = np.empty(len(known), dtype=object)
            splits[:] = [part["words"] for part in known]
        binning = OptimalBinning(name, dtype=kind, user_splits=splits, user_splits_fixed=[True] * len(splits))
        peer = binning.fit(values, won).binning_table.build()
        theirs = {(row["Event"], row["Non-event"]): row["WoE"] for label, row in peer.iterrows() if label != "Totals"}
        for part in column["bins"]:
            # Theirs is the logarithm of the inverse: of lost by won.
            assert abs(part["weight_of_evidence"] + float(theirs[part["won"], part["lost"]])) < 1e-9, (name, part)
            compared += 1
        assert abs(column["information_value"] - float(peer.loc["Totals", "IV"])) < 1e-9, name
    assert compared >= 6
