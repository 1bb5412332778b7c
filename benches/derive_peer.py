"""The peer of benches/derive.rs: optimal binning and a logistic regression on weights of evidence, timed without reading the data."""

import resource
import sys
import time
import warnings

import numpy as np
import pandas as pd
from optbinning import BinningProcess
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

warnings.filterwarnings("ignore")
path, rows, columns, of_words = sys.argv[1], *map(int, sys.argv[2:5])
table = np.fromfile(path).reshape(columns + 1, rows)
names = [f"c{column}" for column in range(columns)]
frame = pd.DataFrame({name: table[column] for column, name in enumerate(names)})
words = names[columns - of_words :]
for name in words:
    frame[name] = frame[name].map(lambda place: None if place != place else f"word {int(place)}").astype(object)
won = table[columns].astype(int)

begin = time.perf_counter()
process = BinningProcess(
    names, categorical_variables=words, max_n_prebins=20, max_n_bins=8, min_prebin_size=0.05, selection_criteria={"iv": {"min": 0.02}}
)
evidence = process.fit_transform(frame, won, metric="woe")
model = LogisticRegression(max_iter=1000).fit(evidence, won)
seconds = time.perf_counter() - begin
auc = roc_auc_score(won, model.predict_proba(evidence)[:, 1])
print(f"optbinning: {seconds:.3f} s, AUC {auc:.3f}, peak resident {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")
