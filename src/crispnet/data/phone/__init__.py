"""The virtual phone's legacy ISP: what a network has to learn without ever seeing inside.

No phone raw with its own picture may be shipped, so the pictures to learn from are made by this one. It does what
phones are known to do, above all what depends on the *whole scene*: it looks at the photograph first (``sight``), and
everything after bends to what it saw. Rooms in the order light travels:

    isp.py      raw → picture: the order of the steps
    noise.py    denoises by the noise profile, chroma more than luma
    sight.py    what kind of scene is it? sky, foliage, skin, snow, night, sunset, tungsten, backlit, range of light
    tone.py     exposure, local tone mapping, the curve
    palette.py  white-balance preference, saturation, memory colours, highlights that lose their colour

All of it is deterministic and continuous: two raws that differ little give pictures that differ little.
"""
