#!/usr/bin/env python3
"""Cuts devices/assets/tonemill.sf2 from Debian's FluidR3_GM.sf2.

    scripts/cut-soundfont.py [FluidR3_GM.sf2] [-o tonemill.sf2]

Six presets stay: piano, clean and jazz guitar, finger bass, strings, and the standard drum kit. Their presets,
instruments, velocity layers and generators are kept as they are; only samples are saved:

- of a stereo pair the shorter side serves both sides, at the pair's mean level;
- keys between the samples that stay are played by the nearest of them, with that sample's own tuning;
- a looped sample ends with its loop; a drum sound is faded out after the length given below;
- low notes and toms are stored at half their sample rate.

Needs Python 3.11 and nothing else. Without an argument it takes the installed package's file, or fetches the package
with `apt-get download`. The same input gives the same bytes.
"""

import argparse
import array
import math
import os
import struct
import subprocess
import sys
import tempfile

PACKAGE = "fluid-soundfont-gm"
INSTALLED = "/usr/share/sounds/sf2/FluidR3_GM.sf2"
COPYRIGHT = "/usr/share/doc/fluid-soundfont-gm/copyright"
ASSETS = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "devices", "assets"))
LIMIT = 6_000_000

# Generators of SoundFont 2.04, 8.1.2.
INSTRUMENT, KEY_RANGE, SAMPLE, ROOT = 41, 43, 53, 58
LOOPED = 54

# What stays of each melodic preset. Of bass and jazz guitar the lowest sample is left out: it lies 6 dB below the others.
# (bank, program): (roots that stay or None for all, roots at half the rate).
MELODIC = {
    (0, 0): ([26, 34, 42, 50, 58, 66, 74, 84, 94, 104], [26, 34, 42]),
    (0, 27): (None, []),
    (0, 26): ([43, 45, 50, 55, 59, 64, 69, 74, 79], []),
    (0, 33): ([30, 36, 41, 48], []),
    (0, 48): ([31, 40, 47, 52, 61, 67, 73, 79, 83], [31, 40]),
}

# What stays of the drum kit: key: (key whose sample it plays, most frames of it, half rate, semitones).
KIT = (128, 0)
DRUMS = {
    35: (35, 13_000, False, 0),  # kick
    36: (36, 13_000, False, 0),
    37: (37, 16_000, False, 0),  # side stick
    38: (38, 21_000, False, 0),  # snare
    39: (39, 17_000, False, 0),  # clap
    40: (40, 24_000, False, 0),  # snare 2
    41: (41, 40_000, True, 0),  # toms
    43: (43, 37_000, True, 0),
    45: (45, 40_000, True, 0),
    47: (47, 40_000, True, 0),
    48: (48, 40_000, True, 0),
    50: (50, 40_000, True, 0),
    42: (42, 16_000, False, 0),  # hi-hat, closed
    44: (44, 14_000, False, 0),  # foot
    46: (46, 60_000, False, 0),  # open
    49: (49, 110_000, False, 0),  # crash
    57: (49, 110_000, False, -2),
    51: (51, 80_000, False, 0),  # ride
    59: (51, 80_000, False, 1),
    53: (53, 60_000, False, 0),  # ride bell
    55: (55, 50_000, False, 0),  # splash
    54: (54, 16_000, False, 0),  # tambourine
    56: (56, 17_000, False, 0),  # cowbell
}


def records(data, form):
    return list(struct.iter_unpack(form, data))


class Font:
    """A SoundFont's tables, each zone as (generators, modulators)."""

    def __init__(self, data):
        if data[:4] != b"RIFF" or data[8:12] != b"sfbk":
            sys.exit("the input is not a SoundFont")
        chunks = {}
        at = 12
        while at + 8 <= len(data):
            size = struct.unpack_from("<I", data, at + 4)[0]
            if data[at : at + 4] == b"LIST":
                inner, end = at + 12, at + 8 + size
                while inner + 8 <= end:
                    length = struct.unpack_from("<I", data, inner + 4)[0]
                    chunks[data[inner : inner + 4]] = data[inner + 8 : inner + 8 + length]
                    inner += 8 + length + length % 2
            at += 8 + size + size % 2
        self.samples = array.array("h", chunks[b"smpl"])
        if sys.byteorder == "big":
            self.samples.byteswap()
        self.headers = records(chunks[b"shdr"], "<20sIIIIIBbHH")[:-1]
        instruments = records(chunks[b"inst"], "<20sH")
        presets = records(chunks[b"phdr"], "<20sHHHIII")
        zones = self.zones(chunks, b"ibag", b"igen", b"imod")
        self.instruments = [(a[0], zones[a[1] : b[1]]) for a, b in zip(instruments, instruments[1:])]
        zones = self.zones(chunks, b"pbag", b"pgen", b"pmod")
        self.presets = {(a[2], a[1]): (a[0], zones[a[3] : b[3]]) for a, b in zip(presets, presets[1:])}

    @staticmethod
    def zones(chunks, bags, generators, modulators):
        bags = records(chunks[bags], "<HH")
        generators = records(chunks[generators], "<HH")
        modulators = records(chunks[modulators], "<HHhHH")
        return [
            (generators[a[0] : b[0]], modulators[a[1] : b[1]]) for a, b in zip(bags, bags[1:])
        ]


def value(zone, generator, default=None):
    return dict(zone[0]).get(generator, default)


def with_values(zone, changes):
    """The zone with generators replaced; a key range comes first and a sample last, as the format wants it."""
    generators = dict(zone[0])
    generators.update(changes)
    rank = lambda item: {KEY_RANGE: 0, 44: 1, SAMPLE: 3}.get(item[0], 2)
    return (sorted(generators.items(), key=rank), zone[1])


def key_range(zone):
    both = value(zone, KEY_RANGE, 127 << 8)
    return both & 255, both >> 8


class Store:
    """The samples that stay, each under the recipe that made it."""

    def __init__(self, font):
        self.font = font
        self.data = array.array("h")
        self.headers = []
        self.known = {}

    def add(self, pair, looped, most, half):
        """One sample for a pair (or a single one given twice); gives its number."""
        recipe = (tuple(sorted(set(pair))), looped, most, half)
        if recipe not in self.known:
            self.known[recipe] = len(self.headers)
            self.make(recipe)
        return self.known[recipe]

    def make(self, recipe):
        pair, looped, most, half = recipe
        headers = [self.font.headers[number] for number in pair]
        name, start, end, loop_start, loop_end, rate, root, correction, _, _ = min(
            headers, key=lambda header: header[2] - header[1]
        )
        # The mean power of both sides, over the same stretch.
        length = min(h[2] - h[1] for h in headers)
        power = [sum(s * s for s in self.font.samples[h[1] : h[1] + length]) for h in headers]
        mine = sum(s * s for s in self.font.samples[start : start + length])
        scale = math.sqrt(sum(power) / len(power) / mine)
        stop = min(end, loop_end + 8) if looped else min(end, start + most)
        sound = [s * scale for s in self.font.samples[start:stop]]
        loop_start, loop_end = loop_start - start, loop_end - start
        if half:
            sound = halve(sound)
            rate //= 2
            odd = (loop_end - loop_start) % 2
            loop_start, loop_end = loop_start // 2, loop_start // 2 + (loop_end - loop_start + odd) // 2
            sound += [0.0] * max(0, loop_end + 4 - len(sound)) if looped else []
            if looped:
                join(sound, loop_start, loop_end)
        if not looped:
            if stop < end:
                fade(sound)
            loop_start, loop_end = 0, len(sound)
        peak = max(abs(s) for s in sound)
        if peak > 32767:
            sound = [s * 32767 / peak for s in sound]
        begin = len(self.data)
        self.data.extend(max(-32768, min(32767, round(s))) for s in sound)
        finish = len(self.data)
        # The format wants 46 zeros between samples.
        self.data.extend([0] * 46)
        self.headers.append(
            (name, begin, finish, begin + loop_start, begin + loop_end, rate, root, correction, 0, 1)
        )


def halve(sound):
    """Half the sample rate, by a linear-phase half-band filter (Kaiser window, 60 dB, 0.45 of the new rate)."""
    reach, beta = 31, 5.65
    bessel = lambda x: sum((x / 2) ** (2 * k) / math.factorial(k) ** 2 for k in range(25))
    taps = {0: 0.5}
    for n in range(1, reach + 1, 2):
        window = bessel(beta * math.sqrt(1 - (n / (reach + 1)) ** 2)) / bessel(beta)
        taps[n] = math.sin(math.pi * n / 2) / (math.pi * n) * window
    total = taps[0] + 2 * sum(t for n, t in taps.items() if n)
    taps = {n: t / total for n, t in taps.items()}
    padded = [0.0] * reach + sound + [0.0] * (reach + 1)
    odd = [(n, t) for n, t in taps.items() if n]
    middle = taps[0]
    return [
        middle * padded[c] + sum(t * (padded[c - n] + padded[c + n]) for n, t in odd)
        for c in range(reach, reach + len(sound), 2)
    ]


def join(sound, loop_start, loop_end):
    """Makes a loop seamless again after its length was rounded: its end runs into what stands before its start."""
    length = min(64, loop_start)
    for k in range(length):
        weight = 1 - k / length
        at = loop_end - 1 - k
        sound[at] = (1 - weight) * sound[at] + weight * sound[loop_start - 1 - k]
    # What follows the loop is read by interpolation only.
    for k in range(loop_end, len(sound)):
        sound[k] = sound[loop_start + k - loop_end]


def fade(sound):
    """Lets a sound that was cut die away over its second half."""
    begin = len(sound) // 2
    for at in range(begin, len(sound)):
        sound[at] *= math.cos(math.pi / 2 * (at - begin) / (len(sound) - begin)) ** 2


def pairs(zones):
    """For each zone with a sample, all samples of zones for the same keys and velocities with the same root."""
    together = {}
    for zone in zones:
        together.setdefault((key_range(zone), value(zone, 44), value(zone, ROOT)), set()).add(value(zone, SAMPLE))
    return lambda zone: together[(key_range(zone), value(zone, 44), value(zone, ROOT))]


def cut_melodic(zones, roots, halved, store):
    sounding = [zone for zone in zones if value(zone, SAMPLE) is not None]
    pair_of = pairs(sounding)
    all_roots = sorted({value(zone, ROOT) for zone in sounding})
    roots = roots or all_roots
    missing = [root for root in roots if root not in all_roots]
    if missing:
        sys.exit(f"the input has no samples at the roots {missing}; it is not the FluidR3 that this script knows")
    top = max(key_range(zone)[1] for zone in sounding)
    ranges = {}
    for before, root, after in zip([None] + roots, roots, roots[1:] + [None]):
        low = 0 if before is None else (before + root) // 2 + 1
        high = top if after is None else (root + after) // 2
        ranges[root] = low | high << 8
    out = []
    for zone in zones:
        if value(zone, SAMPLE) is None:
            out.append(zone)
            continue
        root = value(zone, ROOT)
        if root not in ranges:
            continue
        number = store.add(pair_of(zone), value(zone, LOOPED) == 1, None, root in halved)
        # With all roots kept the ranges are those of the original.
        changes = {SAMPLE: number}
        if roots != all_roots:
            changes[KEY_RANGE] = ranges[root]
        out.append(with_values(zone, changes))
    return out


def cut_drums(zones, store):
    sounding = [zone for zone in zones if value(zone, SAMPLE) is not None]
    pair_of = pairs(sounding)
    out = [zone for zone in zones if value(zone, SAMPLE) is None]
    for key, (source, most, half, semitones) in sorted(DRUMS.items()):
        for zone in sounding:
            low, high = key_range(zone)
            if not low <= source <= high:
                continue
            number = store.add(pair_of(zone), False, most, half)
            root = value(zone, ROOT) + key - source - semitones
            out.append(with_values(zone, {KEY_RANGE: key | key << 8, ROOT: root, SAMPLE: number}))
    return out


def cut(font):
    store = Store(font)
    instruments, presets, placed = [], [], {}
    for (bank, program), (name, zones) in sorted(font.presets.items()):
        if (bank, program) not in MELODIC and (bank, program) != KIT:
            continue
        kept = []
        for zone in zones:
            number = value(zone, INSTRUMENT)
            if number is None:
                kept.append(zone)
                continue
            if number not in placed:
                title, inner = font.instruments[number]
                if (bank, program) == KIT:
                    inner = cut_drums(inner, store)
                else:
                    inner = cut_melodic(inner, *MELODIC[(bank, program)], store)
                if not any(value(z, SAMPLE) is not None for z in inner):
                    placed[number] = None
                else:
                    placed[number] = len(instruments)
                    instruments.append((title, inner))
            if placed[number] is not None:
                generators = [(g, placed[number] if g == INSTRUMENT else v) for g, v in zone[0]]
                kept.append((generators, zone[1]))
        presets.append((name, program, bank, kept))
    wanted = len(MELODIC) + 1
    if len(presets) != wanted:
        sys.exit(f"the input has {len(presets)} of the {wanted} presets; it is not the FluidR3 that this script knows")
    return presets, instruments, store


def chunk(name, data):
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def text(name, words):
    data = words.encode("ascii") + b"\0"
    return chunk(name, data + b"\0" * (len(data) % 2))


def tables(owners, bag, generator, modulator):
    """Bags, generators and modulators of all zones, and where each owner's zones begin."""
    bags, generators, modulators, first = [], [], [], []
    for zones in owners:
        first.append(len(bags))
        for gens, mods in zones:
            bags.append((len(generators), len(modulators)))
            generators += gens
            modulators += mods
    first.append(len(bags))
    bags.append((len(generators), len(modulators)))
    generators.append((0, 0))
    modulators.append((0, 0, 0, 0, 0))
    return first, (
        chunk(bag, b"".join(struct.pack("<HH", *b) for b in bags))
        + chunk(modulator, b"".join(struct.pack("<HHhHH", *m) for m in modulators))
        + chunk(generator, b"".join(struct.pack("<HH", *g) for g in generators))
    )


def write(presets, instruments, store):
    info = (
        chunk(b"ifil", struct.pack("<HH", 2, 1))
        + text(b"isng", "EMU8000")
        + text(b"INAM", "tonemill")
        + text(b"ICOP", "FluidR3, (c) 2000-2002, 2008 Frank Wen, MIT licence")
        + text(b"ICMT", "Cut from FluidR3_GM by scripts/cut-soundfont.py. See FluidR3-NOTICE.txt.")
    )
    samples = store.data
    if sys.byteorder == "big":
        samples = array.array("h", samples)
        samples.byteswap()
    first, preset_zones = tables([p[3] for p in presets], b"pbag", b"pgen", b"pmod")
    heads = b"".join(
        struct.pack("<20sHHHIII", name, program, bank, zone, 0, 0, 0)
        for (name, program, bank, _), zone in zip(presets, first)
    )
    heads += struct.pack("<20sHHHIII", b"EOP", 0, 0, first[-1], 0, 0, 0)
    first, instrument_zones = tables([i[1] for i in instruments], b"ibag", b"igen", b"imod")
    titles = b"".join(struct.pack("<20sH", name, zone) for (name, _), zone in zip(instruments, first))
    titles += struct.pack("<20sH", b"EOI", first[-1])
    headers = b"".join(struct.pack("<20sIIIIIBbHH", *h) for h in store.headers)
    headers += struct.pack("<20sIIIIIBbHH", b"EOS", 0, 0, 0, 0, 0, 0, 0, 0, 0)
    body = (
        chunk(b"LIST", b"INFO" + info)
        + chunk(b"LIST", b"sdta" + chunk(b"smpl", samples.tobytes()))
        + chunk(
            b"LIST",
            b"pdta" + chunk(b"phdr", heads) + preset_zones + chunk(b"inst", titles) + instrument_zones
            + chunk(b"shdr", headers),
        )
    )
    return chunk(b"RIFF", b"sfbk" + body)


NOTICE = """tonemill.sf2 is cut from FluidR3_GM.sf2 by scripts/cut-soundfont.py: six presets, with fewer and shorter samples.
What follows is from the copyright file of Debian's package fluid-soundfont-gm, as far as it concerns the sounds.

"""


def notice(path):
    """The upstream part of the package's copyright file; what concerns the packaging alone is left out."""
    with open(path, encoding="utf-8") as file:
        words = file.read()
    begin, end = words.index("It was downloaded from"), words.index("The Debian packaging is")
    return NOTICE + words[begin:end].rstrip() + "\n"


def fetch(folder):
    print(f"fetching {PACKAGE} with apt-get download", file=sys.stderr)
    subprocess.run(["apt-get", "download", PACKAGE], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    (package,) = [name for name in os.listdir(folder) if name.endswith(".deb")]
    subprocess.run(["dpkg-deb", "-x", package, "root"], cwd=folder, check=True)
    return os.path.join(folder, "root" + INSTALLED), os.path.join(folder, "root" + COPYRIGHT)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("input", nargs="?", help="FluidR3_GM.sf2 (default: the installed one, else fetched)")
    parser.add_argument("-o", "--output", default=os.path.join(ASSETS, "tonemill.sf2"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source, rights = arguments.input or INSTALLED, COPYRIGHT
        if not (os.path.exists(source) and os.path.exists(rights)):
            if arguments.input:
                sys.exit(f"cannot read {source} and {rights}")
            source, rights = fetch(folder)
        with open(source, "rb") as file:
            font = Font(file.read())
        words = notice(rights)
    presets, instruments, store = cut(font)
    data = write(presets, instruments, store)
    if len(data) > LIMIT:
        sys.exit(f"{len(data)} bytes are more than {LIMIT}")
    with open(arguments.output, "wb") as file:
        file.write(data)
    with open(os.path.join(os.path.dirname(arguments.output), "FluidR3-NOTICE.txt"), "w", encoding="utf-8") as file:
        file.write(words)
    print(f"{arguments.output}: {len(data)} bytes, {len(presets)} presets, {len(store.headers)} samples")


if __name__ == "__main__":
    main()
