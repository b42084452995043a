#!/usr/bin/env python3
"""Writes jobs/examples/data/song.mid: a short piece composed for this repository.

    scripts/compose-song.py [-o song.mid]

Twenty bars in E minor, about fifty seconds, for piano, clean guitar, jazz guitar, bass, strings and drums. The first four
bars last ten seconds and stay about E minor ninth, so that the guitar recording beside it fits on top. Then a groove in
4/4 at 96, a bridge in 3/4 at 84, and a return in 4/4 at 100 that slows down to its last chord.

Needs Python 3.11 and nothing else. The same bytes every time. Licence: the project's.
"""

import argparse
import os
import struct

TICKS = 480
EIGHTH, SIXTEENTH = TICKS // 2, TICKS // 4

# The form: (bars, beats in a bar, tempo). Everything else is written in bars counted from 0.
FORM = [(12, 4, 96.0), (4, 3, 84.0), (4, 4, 100.0)]

# Chords by name: bass note, and the piano's voicing above it.
CHORDS = {
    "Em9": (40, [55, 59, 62, 66]),
    "Em/D": (38, [55, 59, 62, 64]),
    "Cmaj7": (36, [55, 59, 60, 64]),
    "Em/B": (35, [55, 59, 64, 66]),
    "Em7": (40, [55, 59, 62, 64]),
    "G": (43, [55, 59, 62, 67]),
    "D": (38, [54, 57, 62, 66]),
    "Am7": (45, [55, 57, 60, 64]),
    "Bm7": (47, [54, 57, 62, 66]),
}

# One chord a bar, or two halves.
BARS = (
    ["Em9", "Em/D", "Cmaj7", "Em/B"]
    + ["Em7", "Cmaj7", "G", "D"] * 2
    + ["Am7", "Bm7", "Cmaj7", "D"]
    + ["Em7", "Cmaj7", ("Am7", "D"), "Em9"]
)
INTRO, GROOVE, BRIDGE, RETURN, LAST = range(0, 4), range(4, 12), range(12, 16), range(16, 19), 19


def starts():
    """Tick and beats of each bar, and the ticks where meter and tempo change."""
    tick, bars, changes = 0, [], []
    for count, beats, tempo in FORM:
        changes.append((tick, beats, tempo))
        for _ in range(count):
            bars.append((tick, beats))
            tick += beats * TICKS
    return bars, changes, tick


BAR, CHANGES, END = starts()


def chord_spans():
    """(bar, tick, length, name) of each chord."""
    for bar, name in enumerate(BARS):
        tick, beats = BAR[bar]
        names = name if isinstance(name, tuple) else (name,)
        length = beats * TICKS // len(names)
        for place, part in enumerate(names):
            yield bar, tick + place * length, length, part


class Track:
    """A named track on one channel, its events at absolute ticks."""

    def __init__(self, name, channel, program, volume, pan):
        self.name, self.channel = name, channel
        self.events = []
        self.put(0, 0xC0, program)
        self.control(0, 7, volume)
        self.control(0, 10, pan)

    def put(self, tick, kind, *data):
        self.events.append((tick, len(self.events), bytes([kind | self.channel, *data])))

    def control(self, tick, number, value):
        self.put(tick, 0xB0, number, value)

    def bend(self, tick, value):
        value += 8192
        self.put(tick, 0xE0, value & 127, value >> 7)

    def note(self, tick, length, key, velocity):
        self.put(tick, 0x90, key, velocity)
        self.put(tick + length, 0x80, key, 64)


def piano():
    track = Track("Piano", 0, 0, 100, 56)
    for bar, tick, length, name in chord_spans():
        _, keys = CHORDS[name]
        track.control(tick, 64, 127)
        if bar in INTRO:
            # Broken upwards, once a half bar.
            for half in range(2):
                for place, key in enumerate(keys):
                    track.note(tick + half * 2 * TICKS + place * EIGHTH, 3 * EIGHTH, key + 12 * half, 52 + 5 * place)
        elif bar == LAST:
            for place, key in enumerate([40, 47] + keys + [71, 76]):
                track.note(tick + place * 30, length - place * 30 - EIGHTH, key, 66 + 2 * place)
        elif bar in BRIDGE:
            for beat in range(3):
                for key in keys[1:] if beat else keys:
                    track.note(tick + beat * TICKS, TICKS - 30, key, 62 if beat else 74)
        else:
            # One and the and of two; the return adds the four.
            hits = [(0, 3 * EIGHTH), (3 * EIGHTH, 3 * EIGHTH)]
            if bar in RETURN and length > 2 * TICKS:
                hits.append((6 * EIGHTH, EIGHTH))
            for at, sound in hits:
                for place, key in enumerate(keys):
                    if at + sound <= length:
                        track.note(tick + at + 4 * place, sound - 20, key, 78 - (8 if at else 0) + place)
        track.control(tick + length - 20, 64, 0)
    return track


def clean_guitar():
    track = Track("Clean Guitar", 1, 27, 92, 30)
    pattern = [0, 2, 1, 3, 2, 3, 1, 2]
    for bar, tick, length, name in chord_spans():
        if bar in INTRO:
            continue
        root, keys = CHORDS[name]
        notes = [root + 12] + keys[1:]
        if bar == LAST:
            for place, key in enumerate([40, 47, 52, 55, 59, 66]):
                track.note(tick + 24 * place, length - EIGHTH - 24 * place, key, 80)
            continue
        for place in range(length // EIGHTH):
            key = notes[pattern[place % 8]]
            velocity = 84 if place % 4 == 0 else 66 + 5 * (place % 3)
            track.note(tick + place * EIGHTH, EIGHTH + SIXTEENTH, key, velocity)
    return track


# A melody over groove and return: (bar, beat in eighths, length in eighths, key).
MELODY = [
    (8, 0, 3, 71), (8, 3, 1, 74), (8, 4, 4, 76), (9, 0, 3, 79), (9, 3, 1, 78), (9, 4, 4, 76),
    (10, 0, 2, 74), (10, 2, 2, 71), (10, 4, 3, 74), (10, 7, 1, 76), (11, 0, 6, 69), (11, 6, 1, 66), (11, 7, 1, 67),
    (12, 0, 4, 72), (12, 4, 2, 71), (13, 0, 4, 74), (13, 4, 2, 69), (14, 0, 3, 71), (14, 3, 3, 67), (15, 0, 6, 66),
    (16, 0, 3, 71), (16, 3, 1, 74), (16, 4, 4, 76), (17, 0, 3, 79), (17, 3, 1, 83), (17, 4, 4, 79),
    (18, 0, 2, 76), (18, 2, 2, 72), (18, 4, 2, 69), (18, 6, 2, 66), (19, 0, 8, 64),
]


def jazz_guitar():
    track = Track("Jazz Guitar", 4, 26, 104, 84)
    for bar, at, length, key in MELODY:
        tick = BAR[bar][0] + at * EIGHTH
        if length >= 4 and bar not in BRIDGE:
            # Long notes slide in from a semitone below (the bend range is two).
            for step in range(9):
                track.bend(tick + 15 * step, -4096 + 512 * step)
        track.note(tick, length * EIGHTH - 40, key, 92 if at == 0 else 82)
    return track


def bass():
    track = Track("Bass", 2, 33, 110, 64)
    for bar, tick, length, name in chord_spans():
        root, _ = CHORDS[name]
        low = root - 12 if root >= 43 else root
        if bar in INTRO or bar == LAST:
            track.note(tick, length - EIGHTH, 28 if bar == LAST else low, 84)
        elif bar in BRIDGE:
            track.note(tick, 2 * TICKS - 40, low, 88)
            track.note(tick + 2 * TICKS, TICKS - 40, low + 7, 74)
        else:
            steps = [(0, 3, 0, 98), (3, 1, 0, 70), (4, 2, 12, 86), (6, 1, 7, 80), (7, 1, 10 if "7" in name else 9, 76)]
            for at, count, above, velocity in steps:
                if (at + count) * EIGHTH <= length:
                    track.note(tick + at * EIGHTH, count * EIGHTH - 30, low + above, velocity)
    return track


def strings():
    track = Track("Strings", 3, 48, 84, 64)
    for bar, tick, length, name in chord_spans():
        if bar in range(4, 8):
            continue
        root, keys = CHORDS[name]
        swell = bar in INTRO or bar == LAST
        for step in range(8):
            level = 40 + 9 * step if swell and bar != LAST else 104 - 4 * abs(step - 4)
            track.control(tick + step * length // 8, 11, min(127, level))
        for key in sorted({root + 12, keys[1], keys[2], keys[3] + 12}):
            track.note(tick, length - 10, key, 70 if swell else 78)
    return track


KICK, STICK, SNARE, CLOSED, OPEN, CRASH, RIDE = 36, 37, 38, 42, 46, 49, 51
TOMS = [50, 48, 47, 45, 43, 41]


def drums():
    track = Track("Drums", 9, 0, 108, 64)
    hit = lambda tick, key, velocity: track.note(tick, SIXTEENTH - 20, key, velocity)
    for bar, (tick, beats) in enumerate(BAR):
        if bar in (2, 3):
            # Time begins to be felt.
            for place in range(8):
                hit(tick + place * EIGHTH, CLOSED, 40 + 12 * (place % 2 == 0) + 6 * (bar - 2))
            if bar == 3:
                for place, key in enumerate(TOMS[:4]):
                    hit(tick + 3 * TICKS + place * SIXTEENTH, key, 72 + 8 * place)
        elif bar in GROOVE or bar in RETURN:
            if bar in (4, 8, 16):
                hit(tick, CRASH, 104)
            for place in range(0, 16):
                at = tick + place * SIXTEENTH
                if place % 2 == 0:
                    last = place == 14 and bar % 2 == 1
                    hit(at, OPEN if last else CLOSED, 88 if last else 84 - 22 * (place % 4 == 2))
                elif bar >= 8 and place in (7, 13):
                    hit(at, CLOSED, 40)
            for place, velocity in [(0, 112), (6, 92), (8, 106 if bar % 2 else 0), (10, 98)]:
                if velocity:
                    hit(tick + place * SIXTEENTH, KICK, velocity)
            fill = bar in (11, 18)
            for place, velocity in [(4, 108), (12, 110), (7, 34), (9, 38), (15, 30)]:
                if not (fill and place >= 12):
                    hit(tick + place * SIXTEENTH, SNARE, velocity)
            if fill:
                for place, key in enumerate([SNARE, TOMS[1], TOMS[3], TOMS[5]]):
                    hit(tick + 3 * TICKS + place * SIXTEENTH, key, 96 + 5 * place)
        elif bar in BRIDGE:
            hit(tick, KICK, 84)
            for beat in range(beats):
                hit(tick + beat * TICKS, RIDE, 78 - 12 * (beat > 0))
                hit(tick + beat * TICKS + EIGHTH, RIDE, 48)
                if beat:
                    hit(tick + beat * TICKS, STICK, 66)
        elif bar == LAST:
            hit(tick, CRASH, 96)
            hit(tick, KICK, 104)
    return track


def number(value):
    """A variable-length quantity."""
    out = [value & 127]
    while value := value >> 7:
        out.append(value & 127 | 128)
    return bytes(reversed(out))


def chunk(events):
    """A track chunk of (tick, order, bytes)."""
    data, now = b"", 0
    for tick, _, message in sorted(events):
        data += number(tick - now) + message
        now = tick
    data += number(max(0, END - now)) + b"\xff\x2f\x00"
    return b"MTrk" + struct.pack(">I", len(data)) + data


def meta(kind, data):
    return bytes([0xFF, kind]) + number(len(data)) + data


def tempo(beats_a_minute):
    return meta(0x51, round(60_000_000 / beats_a_minute).to_bytes(3, "big"))


def conductor():
    events = [(0, 0, meta(0x03, b"E Minor, Three Ways")), (0, 1, meta(0x59, b"\x01\x01"))]
    for order, ((tick, beats, speed), name) in enumerate(zip(CHANGES, ["Groove in four", "Bridge in three", "Return"])):
        events.append((tick, 2 + 3 * order, meta(0x58, bytes([beats, 2, 24, 8]))))
        events.append((tick, 3 + 3 * order, tempo(speed)))
        events.append((tick, 4 + 3 * order, meta(0x06, name.encode())))
    # The last but one bar slows down beat by beat.
    for beat, speed in enumerate([98, 94, 88, 80]):
        events.append((BAR[18][0] + beat * TICKS, 20 + beat, tempo(speed)))
    events.append((BAR[LAST][0], 30, tempo(72)))
    return chunk(events)


def named(track):
    return chunk([(0, -1, meta(0x03, track.name.encode()))] + track.events)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    place = os.path.normpath(os.path.join(here, "..", "jobs", "examples", "data", "song.mid"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", default=place)
    output = parser.parse_args().output
    tracks = [conductor()] + [named(part()) for part in (piano, clean_guitar, bass, strings, jazz_guitar, drums)]
    with open(output, "wb") as file:
        file.write(b"MThd" + struct.pack(">IHHH", 6, 1, len(tracks), TICKS) + b"".join(tracks))
    print(f"{output}: {len(tracks)} tracks, {len(BAR)} bars")


if __name__ == "__main__":
    main()
