#!/usr/bin/env python3
"""Makes devices/assets/cabinet-4x12.wav and cabinet-4x12-stereo.wav: impulse responses of a guitar cabinet.

    scripts/make-cabinet-ir.py [-d FOLDER]

Nothing here is recorded. A closed cabinet with four twelve-inch speakers passes about 80 Hz to 5 kHz: below, the box
rolls off after a resonance near 110 Hz; above, the paper cones break up into resonances between 2 and 4 kHz and then fall
steeply. That response is written down as filters and narrow resonances, given the one phase that makes it as short as
it can be (minimum phase, by the cepstrum), and cut at 2048 frames of 48 kHz. The stereo one hears the right side through
a microphone nearer the cone's edge: darker, with its break-up elsewhere.

Needs Python 3.11 and nothing else. The same bytes every time.
"""

import argparse
import cmath
import math
import os
import struct

RATE = 48_000
FRAMES = 2048
SIZE = 16_384

# (frequency in Hz, decibels, quality)
CENTRE = [
    (112, 5.0, 1.6), (390, -3.5, 0.9), (820, 1.5, 2.5), (1330, -2.5, 4.0), (1750, 2.0, 5.0), (2380, 6.0, 2.0),
    (2950, -2.5, 7.0), (3420, 4.5, 4.5), (4150, 2.5, 6.0), (4700, -4.0, 8.0), (5600, 2.0, 7.0), (7100, 3.0, 6.0),
]
EDGE = [
    (108, 5.5, 1.5), (340, -2.5, 0.9), (700, 2.0, 2.2), (1190, -3.0, 4.0), (1620, 2.5, 4.5), (2150, 4.5, 2.2),
    (2720, -3.5, 6.5), (3180, 3.5, 5.0), (3850, -2.0, 6.0), (4400, 2.0, 7.0), (5200, -3.0, 7.0), (6600, 2.5, 6.0),
]


def magnitude(hertz, resonances, corner):
    """The analogue response's magnitude: a high pass, a steep low pass, and peaking resonances."""
    s = 2j * math.pi * max(hertz, 1.0)
    turn = 2 * math.pi * 78
    response = s**2 / (s**2 + s * turn / 0.8 + turn**2)
    # A sixth-order Butterworth: three sections.
    turn = 2 * math.pi * corner
    for quality in (0.5176, 0.7071, 1.9319):
        response *= turn**2 / (s**2 + s * turn / quality + turn**2)
    for frequency, decibels, quality in resonances:
        turn, a = 2 * math.pi * frequency, 10 ** (decibels / 40)
        response *= (s**2 + s * a * turn / quality + turn**2) / (s**2 + s * turn / (a * quality) + turn**2)
    # Never quite nothing, so that its logarithm stays sane.
    return max(abs(response), 1e-5)


def transform(values, sign):
    """The discrete Fourier transform of a power of two, unscaled."""
    size = len(values)
    if size == 1:
        return values
    even, odd = transform(values[::2], sign), transform(values[1::2], sign)
    turned = [cmath.exp(sign * 2j * math.pi * k / size) * odd[k] for k in range(size // 2)]
    return [a + b for a, b in zip(even, turned)] + [a - b for a, b in zip(even, turned)]


def minimum_phase(resonances, corner):
    levels = [math.log(magnitude(min(k, SIZE - k) * RATE / SIZE, resonances, corner)) for k in range(SIZE)]
    cepstrum = [c.real / SIZE for c in transform(levels, 1)]
    folded = [c * (1 if k in (0, SIZE // 2) else 2 if k < SIZE // 2 else 0) for k, c in enumerate(cepstrum)]
    spectrum = [cmath.exp(c) for c in transform(folded, -1)]
    response = [c.real / SIZE for c in transform(spectrum, 1)][:FRAMES]
    for k in range(FRAMES // 4):
        response[FRAMES - 1 - k] *= math.sin(math.pi / 2 * k / (FRAMES // 4)) ** 2
    return response


def write(path, channels):
    """24-bit PCM, all channels at one scale with the loudest sample just below full."""
    peak = max(abs(s) for channel in channels for s in channel)
    scale = 0.98 * (2**23 - 1) / peak
    frames = b"".join(
        struct.pack("<i", round(sample * scale))[:3] for frame in zip(*channels) for sample in frame
    )
    block = 3 * len(channels)
    form = struct.pack("<HHIIHH", 1, len(channels), RATE, RATE * block, block, 24)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(frames)) + frames
    with open(path, "wb") as file:
        file.write(b"RIFF" + struct.pack("<I", len(body)) + body)
    print(f"{path}: {FRAMES} frames, {len(channels)} channel(s)")


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-d", "--directory", default=os.path.normpath(os.path.join(here, "..", "devices", "assets")))
    folder = parser.parse_args().directory
    centre, edge = minimum_phase(CENTRE, 5000), minimum_phase(EDGE, 4300)
    write(os.path.join(folder, "cabinet-4x12.wav"), [centre])
    write(os.path.join(folder, "cabinet-4x12-stereo.wav"), [centre, edge])


if __name__ == "__main__":
    main()
