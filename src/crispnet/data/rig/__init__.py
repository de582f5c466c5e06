"""The monitor rig: photographs are shown on a screen, a real camera photographs them, and its files become pairs.

    plan → screen (shows frames) → session (lets a camera shoot, keeps a log) → sighting → judging → pairing

Every frame carries its number in eight markers around the photograph, so that a capture says by itself what it shows
and where: neither clocks nor names of files are believed.
"""
