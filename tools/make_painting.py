#!/usr/bin/env python3
"""Paints assets/samples/painting.jpg, a landscape in oil that nobody has a copyright in, for use as a style image.

Usage: pip install -r tools/requirements.txt  (of it: numpy, pillow)
       python tools/make_painting.py [--output FILE]

It first lays out a scene (what colour and which way the brush goes at every point), then paints it on an ochre ground in
layers of ever finer strokes, each a curved ribbon of bristles with a colour and a thickness of paint, and at last lets
light fall on the relief. Everything random comes from one seed: run again, it makes the same bytes.
"""
import argparse
import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter, ImageOps

WIDTH, HEIGHT = 768, 576
# Cut off at each side, where the strokes thin out.
MARGIN = 12
# Strokes are painted larger and reduced at the end, which gives bristles clean edges.
SCALE = 2
OUTPUT = Path(__file__).parent.parent / "assets" / "samples" / "painting.jpg"
GROUND = np.array([0.66, 0.36, 0.12])

random = np.random.default_rng(1889)


def noise(shape, cells):
    """Smooth noise in [0,1] over (h,w), of about `cells` (rows, columns) bumps."""
    grid = Image.fromarray(random.random(cells, dtype=np.float32))
    field = np.asarray(grid.resize(shape[::-1], Image.Resampling.BICUBIC))
    return np.clip(field, 0, 1)


def mix(a, b, t):
    return a + (b - a) * np.clip(t, 0, 1)[..., None]


def ramp(t, *stops):
    """Colours along `stops`, evenly spaced over t in [0,1]."""
    stops, at = np.array(stops), np.linspace(0, 1, len(stops))
    return np.stack([np.interp(t, at, stops[:, k]) for k in range(3)], axis=-1)


def smooth(t):
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


class Scene:
    """Colour (h,w,3) and brush direction (h,w) of an imagined landscape; x runs over [0,4/3], y over [0,1] downwards."""

    def __init__(self, height, width):
        self.shape = (height, width)
        self.y, self.x = np.mgrid[0:height, 0:width] / height
        self.colour = np.zeros((height, width, 3))
        self.angle = np.zeros((height, width))
        self.sky()
        self.mountains()
        self.fields()
        self.path()
        self.houses()
        self.autumn_tree(1.13, 0.50)
        self.cypress(0.20, 0.10, 0.98, 0.085)
        self.cypress(0.325, 0.40, 0.93, 0.045)

    def put(self, mask, colour, angle):
        self.colour[mask] = np.broadcast_to(colour, self.colour.shape)[mask]
        self.angle[mask] = np.broadcast_to(angle, self.shape)[mask]

    def sky(self):
        x, y = self.x, self.y
        colour = ramp(y / 0.58, (.03, .08, .34), (.06, .22, .58), (.16, .45, .74), (.55, .76, .74), (.98, .80, .42))
        drift = noise(self.shape, (7, 6))
        colour = mix(colour, np.array([.09, .16, .50]), smooth((drift - .55) * 4) * .7)
        colour = mix(colour, np.array([.62, .82, .86]), smooth((.38 - drift) * 4) * .6)
        along, across = np.ones(self.shape), .35 * np.sin(5 * x + 3 * drift)
        # Eddies: the brush goes round them, and their arms are light.
        for cx, cy, radius, turn in [(.52, .20, .13, 1), (.74, .36, .09, -1), (.30, .42, .08, 1)]:
            dx, dy = x - cx, y - cy
            r = np.hypot(dx, dy) + 1e-6
            pull = 5 * np.exp(-(r / radius) ** 2)
            along += -turn * dy / r * pull
            across += turn * dx / r * pull
            arms = .5 + .5 * np.sin(2 * np.arctan2(dy, dx) * turn - 22 * r / radius / 3)
            colour = mix(colour, np.array([.80, .90, .84]), arms * np.exp(-(r / radius) ** 2) * .95)
        # The sun and its halo.
        dx, dy = x - .98, y - .22
        r = np.hypot(dx, dy) + 1e-6
        pull = 7 * np.exp(-(r / .20) ** 2)
        along, across = along - dy / r * pull, across + dx / r * pull
        rings = .5 + .5 * np.cos(r * 95)
        halo = mix(np.broadcast_to([.98, .74, .16], colour.shape), np.array([.93, .43, .10]), rings)
        colour = mix(colour, halo, np.exp(-(r / .155) ** 4))
        colour = mix(colour, np.array([1., .93, .55]), smooth((.062 - r) * 60))
        self.put(y >= 0, colour, np.arctan2(across, along))

    def slope(self, line):
        """Direction along a horizon that is given as y for every column."""
        return np.arctan2(np.gradient(line) * self.shape[0], 1)[None, :]

    def mountains(self):
        x = self.x[0]
        for base, height, dark, light, cells in [(.57, .16, (.17, .20, .47), (.66, .50, .66), 9),
                                                 (.60, .09, (.09, .26, .40), (.33, .58, .60), 12)]:
            line = base - height * noise((1, len(x)), (1, cells))[0]
            lit = smooth(-np.gradient(line) * self.shape[0] * 1.2 + .5 + .5 * (noise(self.shape, (10, 16)) - .5))
            colour = mix(np.broadcast_to(dark, self.colour.shape), np.array(light), lit)
            # Strokes run down the flanks, steeper the lower they start.
            fall = np.sign(np.gradient(line))[None, :] * (.35 + 2.2 * np.clip(self.y - line, 0, .3))
            self.put(self.y > line, colour, self.slope(line) * .6 + fall)

    def fields(self):
        x = self.x[0]
        palette = [(.30, .47, .22), (.83, .60, .13), (.20, .38, .28), (.90, .48, .09), (.72, .62, .22), (.80, .33, .08)]
        for k, base in enumerate([.60, .645, .695, .755, .83, .92]):
            line = base - (.012 + .010 * k) * np.sin(x * (7.5 - .7 * k) + 1.9 * k) - .015 * noise((1, len(x)), (1, 6))[0]
            depth = self.y - line
            # Furrows converge towards a point beyond the horizon.
            bearing = np.arctan2(self.y - .46, self.x - .66)
            stripes = .5 + .5 * np.sin(bearing * (58 - 4 * k) + 2 * k)
            light = np.array(palette[k])
            colour = mix(np.broadcast_to(light * .62 + [0, .01, .07], self.colour.shape), np.minimum(light * 1.18 + .04, 1), stripes)
            colour = mix(colour, np.array([.97, .80, .30]), smooth(noise(self.shape, (9, 12)) * 3 - 1.75) * .7)
            angle = mix(np.broadcast_to(self.slope(line), self.shape)[..., None], bearing[..., None], smooth(depth * 14))[..., 0]
            self.put(depth > 0, colour, angle)

    def path(self):
        t = np.clip((self.y - .655) / .345, 0, 1)
        middle = .735 - .16 * t + .075 * np.sin(t * 6.5) * (.3 + t)
        width = .006 + .085 * t ** 1.5
        bearing = np.arctan2(np.ones(self.shape), np.gradient(middle, axis=0) * self.shape[0])
        colour = mix(ramp(t, (.80, .84, .80), (.44, .70, .76), (.22, .50, .68)), np.array([.95, .86, .66]), noise(self.shape, (14, 20)) * 1.6 - .7)
        self.put((np.abs(self.x - middle) < width) & (self.y > .655), colour, bearing)

    def houses(self):
        for left, right, top, bottom in [(.675, .735, .612, .665), (.755, .80, .605, .648), (.835, .875, .618, .655)]:
            inside = (self.x > left) & (self.x < right) & (self.y < bottom)
            shade = self.x > right - (right - left) * .35
            wall = np.where(shade[..., None], [.36, .46, .66], [.96, .91, .76])
            self.put(inside & (self.y > top), wall, np.pi / 2)
            ridge = top - .035
            slant = (self.y - ridge) / (top + .006 - ridge)
            near = np.abs(self.x - (left + right) / 2) < (right - left) * (.25 + .33 * slant)
            self.put(near & (slant > 0) & (slant < 1), np.where(shade[..., None], [.52, .13, .10], [.90, .32, .08]), .35)

    def autumn_tree(self, cx, cy):
        x, y = self.x, self.y
        sway = .018 * np.sin(y * 14)
        trunk = np.abs(x - cx - sway) < .013 + .03 * smooth((y - .72) / .16)
        self.put(trunk & (y > cy) & (y < .86), np.where((x > cx + sway)[..., None], [.42, .22, .12], [.13, .09, .20]), np.pi / 2 + .2 * np.sin(y * 20))
        leaves = noise(self.shape, (24, 32))
        for k in range(34):
            # The shaded clusters lie behind, the sunlit ones in front.
            bearing, away = random.uniform(0, 2 * np.pi), .135 * random.random() ** .6
            dx, dy, radius = away * np.cos(bearing), .9 * away * np.sin(bearing), random.uniform(.032, .058)
            px, py = x - cx - dx, y - cy - dy
            edge = radius * (1 + .3 * np.sin(5 * np.arctan2(py, px) + random.uniform(0, 6)))
            lit = smooth(.55 - (px * .6 + py) / radius * .6 + (leaves - .5))
            shaded, sunlit = [(.87, .30, .05), (.70, .13, .07), (.80, .42, .06)], [(.95, .56, .08), (.90, .36, .06), (.97, .76, .20)]
            warm = np.array((shaded if k < 17 else sunlit)[random.integers(3)])
            colour = mix(np.broadcast_to(warm * .45 + [.04, 0, .06], self.colour.shape), warm, lit)
            outwards = np.arctan2(y - cy - .12, x - cx)
            self.put(np.hypot(px, py) < edge, colour, outwards + random.uniform(-.9, .9) + 1.5 * (leaves - .5))

    def cypress(self, cx, top, bottom, width):
        x, y = self.x, self.y
        t = np.clip((y - top) / (bottom - top), 0, 1)
        sway = .25 * width * np.sin(t * 9 + cx * 30)
        half = width * (np.sin(np.pi * t ** .75) ** .8 * .75 + .12 * t) * (1 + .22 * np.sin(t * 31 + 9 * np.sign(x - cx)))
        side = (x - cx - sway) / np.maximum(half, 1e-6)
        flames = .5 + .5 * np.sin(side * 5 + t * 26 + 3 * noise(self.shape, (12, 16)))
        colour = mix(np.broadcast_to([.03, .10, .14], self.colour.shape), np.array([.13, .34, .20]), flames)
        colour = mix(colour, np.array([.66, .42, .10]), smooth(flames * 4 - 3.1) * smooth(side + .3))
        self.put((np.abs(side) < 1) & (y > top) & (y < bottom), colour, -np.pi / 2 + side * .45 + .35 * np.sin(t * 18))


class Canvas:
    """Paint on a ground: colour (h,w,3) and thickness (h,w)."""

    def __init__(self, scene):
        self.scene = scene
        height, width = scene.shape
        self.colour = GROUND + .10 * (noise(scene.shape, (90, 120)) - .5)[..., None]
        weave_y, weave_x = np.mgrid[0:height, 0:width]
        self.thickness = .25 + .12 * (np.sin(weave_x * 1.1) * np.sin(weave_y * 1.1))
        # Bristles: fine across the stroke, long along it. A stroke looks its own part of these up.
        self.bristles = .55 * noise((512, 2048), (512, 24)) + .45 * noise((512, 2048), (170, 16))
        self.pigment = noise((512, 2048), (90, 10))

    def trace(self, x, y, radius, steps):
        """Points of a stroke that follows the scene's direction until the colour under it is another."""
        height, width = self.scene.shape
        start = self.scene.colour[int(y), int(x)]
        points, heading = [(x, y)], None
        for step in range(steps):
            angle = self.scene.angle[int(y), int(x)]
            direction = np.array([np.cos(angle), np.sin(angle)])
            if heading is not None:
                # The brush does not jerk: it never turns back, and comes round slowly.
                direction = direction if direction @ heading >= 0 else -direction
                direction = .55 * heading + .45 * direction
                direction /= np.hypot(*direction)
            heading = direction
            x, y = np.array([x, y]) + direction * radius * .6
            if not (0 <= x < width and 0 <= y < height):
                break
            if step > 3 and np.abs(self.scene.colour[int(y), int(x)] - start).sum() > .75:
                break
            points.append((x, y))
        return np.array(points)

    def stroke(self, x, y, radius, steps, load):
        """One stroke from (x,y), where `load` is how much paint is on the brush."""
        points = self.trace(x, y, radius, steps)
        if len(points) < 3:
            return
        tangents = np.gradient(points, axis=0)
        tangents /= np.hypot(*tangents.T)[:, None] + 1e-9
        lengths = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
        total = lengths[-1]

        height, width = self.scene.shape
        margin = radius * 1.3
        left, upper = np.maximum(points.min(0) - margin, 0).astype(int)
        right, lower = np.minimum(points.max(0) + margin, [width, height]).astype(int)
        area = np.s_[upper:lower, left:right]
        py, px = np.mgrid[area]
        nearest = ((px[..., None] - points[:, 0]) ** 2 + (py[..., None] - points[:, 1]) ** 2).argmin(-1)
        dx, dy = px - points[nearest, 0], py - points[nearest, 1]
        tx, ty = tangents[nearest, 0], tangents[nearest, 1]
        along = lengths[nearest] + dx * tx + dy * ty
        across = (ty * dx - tx * dy) / radius

        row, column = random.integers(0, 512), random.integers(0, 2048)
        look_up = ((row + across * radius * .75 + 512).astype(int) % 512, (column + along * .7 + 2048).astype(int) % 2048)
        bristle, pigment = self.bristles[look_up], self.pigment[look_up]

        # The brush lands softly, and its bristles leave the canvas one after the other.
        ragged = bristle * radius * 1.6
        tip = 1 - np.clip((np.abs(across) - .2), 0, 1) ** 2 * .5
        edge = smooth((tip - np.abs(across) + .25 * (bristle - .6)) * radius / 2.2)
        ends = smooth((along + radius * .7 * tip - ragged * .35) / 3) * smooth((total + radius * .5 - ragged - along) / 4)
        worn = np.clip(along / max(total, 1), 0, 1)
        dry = smooth((bristle - .42 * worn ** 2 * (1.35 - load)) * 9)
        cover = edge * ends * (.15 + .85 * dry)

        # A brush holds more than one paint: a second one shows in streaks and towards one side.
        base = self.scene.colour[int(y), int(x)]
        value = random.normal(0, .055)
        first = base * (1 + value * 2) + random.normal(0, .028, 3) + value * .3
        kind = random.random()
        second = (first * .62 + [.0, .01, .06] if kind < .42 else first * .70 + np.array([.30, .27, .20]) if kind < .84
                  else mix(first, GROUND, np.float64(.55)))
        share = smooth((pigment - .45) * 3.2 + across * random.uniform(-.4, .4)) * .62
        colour = mix(np.broadcast_to(first, (*share.shape, 3)), second, share)
        colour = colour * (.93 + .14 * bristle)[..., None]
        self.colour[area] = mix(self.colour[area], np.clip(colour, 0, 1), cover)

        # Paint is pushed up into ridges at the sides and where the brush stops.
        ridge = np.exp(-((np.abs(across) - .82) / .13) ** 2) * .55 + np.exp(-((along - total) / (radius * .35)) ** 2) * .5
        paint = load * (.25 + .85 * bristle + ridge) * np.sqrt(radius / 10)
        self.thickness[area] += (paint + .30 * self.thickness[area] - self.thickness[area]) * cover

    def layer(self, radius, steps, spacing, load, tolerance):
        """Strokes on a shaken grid, in random order, wherever the canvas is not yet like the scene."""
        height, width = self.scene.shape
        step = radius * spacing
        ys, xs = np.mgrid[step / 2:height:step, step / 2:width:step]
        places = np.stack([xs.ravel(), ys.ravel()], axis=1)
        places += random.uniform(-step / 2, step / 2, places.shape)
        random.shuffle(places)
        for x, y in np.clip(places, 0, [width - 1, height - 1]):
            size = radius * random.uniform(.75, 1.2)
            box = np.s_[max(int(y - size / 2), 0):int(y + size / 2) + 1, max(int(x - size / 2), 0):int(x + size / 2) + 1]
            off = np.abs(self.colour[box].mean((0, 1)) - self.scene.colour[box].mean((0, 1))).sum()
            if off > tolerance * random.uniform(.4, 1.6):
                self.stroke(x, y, size, int(steps * random.uniform(.6, 1.4)), load * random.uniform(.7, 1.3))

    def lit(self):
        """(h,w,3): the canvas under a lamp at the upper left."""
        relief = Image.fromarray(self.thickness.astype(np.float32))
        # Blurring 32-bit pictures is beyond Pillow; reducing and enlarging does the same.
        small = (relief.width * 3 // 4, relief.height * 3 // 4)
        relief = np.asarray(relief.resize(small, Image.Resampling.LANCZOS).resize(relief.size, Image.Resampling.BICUBIC))
        slope_y, slope_x = np.gradient(relief.astype(np.float64) * 1.5)
        length = np.sqrt(slope_x ** 2 + slope_y ** 2 + 1)
        lamp = np.array([-.55, -.65, .75]) / np.linalg.norm([-.55, -.65, .75])
        facing = (-slope_x * lamp[0] - slope_y * lamp[1] + lamp[2]) / length
        shade = 1 + .62 * (facing - lamp[2])
        half = (lamp + [0, 0, 1]) / np.linalg.norm(lamp + [0, 0, 1])
        gloss = np.clip((-slope_x * half[0] - slope_y * half[1] + half[2]) / length, 0, 1) ** 40
        gloss = np.clip(gloss - half[2] ** 40 - .25, 0, 1)
        return np.clip(self.colour * shade[..., None] + .22 * gloss[..., None] * np.array([1, .98, .92]), 0, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()

    canvas = Canvas(Scene((HEIGHT + 2 * MARGIN) * SCALE, (WIDTH + 2 * MARGIN) * SCALE))
    for radius, steps, spacing, load, tolerance in [(17, 11, 1.15, .8, 0), (11, 13, 1.3, 1., .12), (7, 13, 1.4, 1.2, .27),
                                                    (4.5, 11, 1.7, 1.25, .46)]:
        canvas.layer(radius * SCALE, steps, spacing, load, tolerance)
    picture = Image.fromarray((canvas.lit() * 255).round().astype(np.uint8))
    picture = ImageOps.crop(picture, MARGIN * SCALE).resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    picture = picture.filter(ImageFilter.UnsharpMask(radius=1, percent=40, threshold=0))
    jpeg = io.BytesIO()
    picture.save(jpeg, "JPEG", quality=92, subsampling=0)
    arguments.output.write_bytes(jpeg.getvalue())
    print(f"{arguments.output.name}: {WIDTH}x{HEIGHT}, {len(jpeg.getvalue())} bytes")


if __name__ == "__main__":
    main()
