#!/usr/bin/env python3
"""Synthesises the guidance of sounds/words.tsv into sounds/ja/karipass/*.wav.

16-bit 8 kHz mono, even loudness, speech from the first hundredth of a second on. The same words
give the same files. Run by `make prompts`, which brings prompts.txt with it.
"""

import csv
import sys
import wave
from pathlib import Path

import numpy as np
import pyopenjtalk

SOUNDS = Path(__file__).parent / "sounds"
RATE = 8000                     # Hz, of the files
LOUDNESS = -21.0                # dBFS, mean of a file's speaking frames
PEAK = -3.0                     # dBFS, at most
BEFORE, AFTER = 0.010, 0.150    # s of quiet around words
DIGIT = 0.30                    # s that a digit is spoken for
DIGIT_SLOT = 0.40               # s from one digit to the next
SILENCES = {"lead-in": 0.4, "breath": 0.2, "quiet": 5.5}   # s
LONGEST = {"menu": 16.0}        # s
FRAME = 0.020                   # s, of the loudness measure


def main():
    with open(SOUNDS / "words.tsv", encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE):
            check_reading(row)
            is_digit = row["file"].startswith("digits/")
            sound = digit(row["spoken"]) if is_digit else phrase(row["spoken"])
            write(row["file"], finish(sound))
    for name, seconds in SILENCES.items():
        write(name, np.zeros(round(seconds * RATE)))


def check_reading(row):
    reading = pyopenjtalk.g2p(row["spoken"], kana=True)
    if reading != row["reading"]:
        sys.exit(f"{row['file']}: read as {reading}, not as {row['reading']}")


def phrase(text):
    """Words as a sentence, with quiet around them."""
    return framed(trimmed(*pyopenjtalk.tts(text)), AFTER)


def digit(text):
    """A digit without its falling tone, as long as every other."""
    features = pyopenjtalk.run_frontend(text)
    for feature in features:
        feature["acc"] = 0
    labels = pyopenjtalk.make_label(features)
    speed = 1.0
    for _ in range(8):
        sound = trimmed(*pyopenjtalk.synthesize(labels, speed))
        speed *= len(sound) / RATE / DIGIT
    return framed(sound, DIGIT_SLOT - BEFORE - len(sound) / RATE)


def trimmed(sound, rate):
    """At RATE, without the quiet at both ends, faded in and out so that nothing clicks."""
    sound = resampled(sound / 32768.0, rate)
    size = RATE // 200
    level = np.sqrt(np.convolve(sound**2, np.ones(size) / size, "same"))
    heard = np.flatnonzero(level > level.max() * 10 ** (-36 / 20))
    sound = sound[heard[0] : heard[-1] + 1].copy()
    sound[:16] *= np.linspace(0, 1, 16)
    sound[-80:] *= np.linspace(1, 0, 80)
    return sound


def resampled(sound, rate):
    """Down to RATE: everything above 4 kHz is 80 dB down, everything below 3.4 kHz untouched."""
    step, remainder = divmod(rate, RATE)
    assert remainder == 0, f"a voice of {rate} Hz"
    at = np.arange(-240, 241)
    low_pass = np.sinc(at * 2 * 3700 / rate) * np.kaiser(len(at), 7.86)
    return np.convolve(sound, low_pass / low_pass.sum(), "same")[::step]


def framed(sound, after):
    return np.concatenate([np.zeros(round(BEFORE * RATE)), sound, np.zeros(round(after * RATE))])


def finish(sound):
    """To LOUDNESS; what then goes beyond PEAK is rounded off."""
    size = round(FRAME * RATE)
    frames = np.sqrt((sound[: len(sound) // size * size].reshape(-1, size) ** 2).mean(axis=1))
    speaking = frames[frames > frames.max() * 10 ** (-25 / 20)]
    sound = sound * 10 ** (LOUDNESS / 20) / np.sqrt((speaking**2).mean())
    top, knee = 10 ** (PEAK / 20), 10 ** ((PEAK - 4) / 20)
    over = np.maximum(np.abs(sound) - knee, 0)
    rounded = knee + (top - knee) * np.tanh(over / (top - knee))
    return np.where(over > 0, np.sign(sound) * rounded, sound)


def write(name, sound):
    seconds = len(sound) / RATE
    if seconds >= LONGEST.get(name, np.inf):
        sys.exit(f"{name}: {seconds:.1f} s is too long")
    path = SOUNDS / "ja" / "karipass" / f"{name}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.round(sound * 32767).astype("<i2").tobytes())
    print(f"{path.relative_to(SOUNDS)}  {seconds:.2f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
