"""Reads a data set as its users do, and prints as JSON what was found.

read_data_set.py audiofolder|webdataset|parquet FOLDER
"""

import glob
import hashlib
import io
import json
import sys


def sound(content):
    """Frames, channels and rate of a sound, as soundfile decodes it, and a hash of its bytes."""
    import soundfile

    samples, rate = soundfile.read(io.BytesIO(content), always_2d=True)
    return {
        "frames": samples.shape[0],
        "channels": samples.shape[1],
        "rate": rate,
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def part(name, content):
    """What a file beside others is: sounds are decoded, and everything is hashed."""
    if name.rsplit(".", 1)[-1] in ("wav", "flac"):
        return sound(content)
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def audiofolder(folder):
    import datasets

    def rows(data):
        # Decoding is left to soundfile: datasets would need torch for it.
        found = {}
        for split, rows in data.items():
            for column in ("wet", "dry"):
                rows = rows.cast_column(column, datasets.Audio(decode=False))
            found[split] = []
            for row in rows:
                files = {}
                for column in ("wet", "dry"):
                    audio = row.pop(column)
                    content = audio["bytes"] or open(audio["path"], "rb").read()
                    files[column] = sound(content)
                found[split].append({**row, **files})
        return found

    return {
        "by_name": rows(datasets.load_dataset("audiofolder", data_dir=folder)),
        # The folder as it would lie on the Hub, read by the head of its card.
        "by_card": rows(datasets.load_dataset(folder)),
    }


def webdataset(folder):
    import datasets
    import webdataset as wds

    found = {}
    for shard in sorted(glob.glob(folder + "/*.tar")):
        split = shard.rsplit("/", 1)[1].rsplit("-", 1)[0]
        for sample in wds.WebDataset(shard, shardshuffle=False):
            parts = {name: value for name, value in sample.items() if not name.startswith("__")}
            row = {"key": sample["__key__"], "json": json.loads(parts.pop("json")), "shard": shard.rsplit("/", 1)[1]}
            for name, content in parts.items():
                row[name] = part(name, content)
            found.setdefault(split, []).append(row)
    return {
        "samples": found,
        "rows": {split: len(rows) for split, rows in datasets.load_dataset(folder).items()},
    }


def parquet(folder):
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(folder + "/metadata.parquet")
    for row in (rows := table.to_pylist()):
        for column in ("wet", "dry"):
            with open(f"{folder}/{row[column + '_file_name']}", "rb") as file:
                row[column] = sound(file.read())
    return {"types": {field.name: str(field.type) for field in table.schema}, "rows": rows}


kind, folder = sys.argv[1:]
json.dump({"audiofolder": audiofolder, "webdataset": webdataset, "parquet": parquet}[kind](folder), sys.stdout)
