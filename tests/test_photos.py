"""Photos of one's own digit: any file, any paper, any light. MNIST's own digits say what should come out."""

import io
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage

import denoise_utils as du
from denoise_utils.widgets import drawing, photos

CHOSEN = [0, 60, 150, 210, 260, 310, 370, 450]  # test digits


def file(picture, format="PNG", **options):
    data = io.BytesIO()
    picture.save(data, format=format, **options)
    return data.getvalue()


def picture(grey):
    return Image.fromarray((np.clip(grey, 0, 1) * 255).astype(np.uint8))


def read(data):
    return drawing.centre_digit(photos.read_photo(data))


@pytest.fixture(scope="module", params=CHOSEN)
def digit(request, digits):
    return digits.test.images[request.param : request.param + 1]


@pytest.fixture(scope="module")
def ink(digit):
    """The digit on 400 by 300 pixels, float [H, W], 1 for ink."""
    large = Image.fromarray(digit[0, 0].numpy()).resize((280, 280), Image.Resampling.BICUBIC)
    return np.pad(np.asarray(large, dtype=np.float32) / 255, ((60, 60), (10, 10)))


def sheet(ink, paper=0.9, pen=0.1, noise=0.01):
    """A scan of the sheet: grey values as a camera gives them."""
    return paper + (pen - paper) * ink + np.random.default_rng(0).normal(0, noise, ink.shape)


def on_desk(sheet, desk, turned=0):
    """The sheet on a desk of that lightness, with a grain."""
    grain = 0.06 * np.sin(np.arange(700) / 5 + 3 * np.sin(np.arange(700) / 37))[:, None].repeat(600, 1)
    table, paper = picture(desk + grain), picture(sheet)
    mask = Image.new("L", paper.size, 255).rotate(turned, expand=True)
    paper = paper.rotate(turned, expand=True, resample=Image.Resampling.BICUBIC)
    table.paste(paper, ((600 - paper.width) // 2, (700 - paper.height) // 2), mask)
    return table


def assert_like(data, digit, within=0.03):
    """It may lie a pixel aside: a centre of mass is rounded. A lost stroke costs 0.05, a line a pixel wider 0.02."""
    found, clean = read(data), du.to_float(digit)
    aside = [torch.roll(found, (down, right), (2, 3)) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    assert min(du.mse(one, clean).item() for one in aside) < within


# ---- what is on the picture ----


def test_mnists_pictures_come_back(digits):
    for image in digits.test.images[:120]:
        for grey in (image[0].numpy(), 255 - image[0].numpy()):
            assert_like(file(Image.fromarray(grey)), image[None], within=0.001)


@pytest.mark.parametrize(
    ("paper", "pen", "noise"),
    [(0.9, 0.1, 0.01), (0.1, 0.9, 0.01), (0.85, 0.65, 0.01), (0.35, 0.08, 0.01), (0.9, 0.1, 0.08)],
)
def test_paper_chalkboard_pencil_dusk_and_grain(ink, digit, paper, pen, noise):
    assert_like(file(picture(sheet(ink, paper, pen, noise))), digit)


def test_light_from_one_side_and_a_shadow(ink, digit):
    y, x = np.mgrid[0:400, 0:300] / 400
    for light in (0.35 + 0.85 * x, np.where(x + 0.6 * y < 0.65, 0.6, 1), 1 - (x - 0.37) ** 2 - (y - 0.5) ** 2):
        assert_like(file(picture(sheet(ink) * light)), digit)


@pytest.mark.parametrize(("desk", "turned"), [(0.1, 0), (0.3, 3), (0.6, 3), (0.8, -3)])
def test_a_sheet_on_a_desk(ink, digit, desk, turned):
    assert_like(file(on_desk(sheet(ink), desk, turned)), digit, within=0.04)


def test_a_black_sheet_on_a_light_desk(ink, digit):
    assert_like(file(on_desk(sheet(ink, 0.1, 0.9), 0.8)), digit)


def test_a_sheet_far_away_is_found_or_asked_for_nearer(ink, digit):
    far = Image.new("L", (2000, 2000), 60)
    far.paste(picture(sheet(ink)), (800, 800))
    with pytest.raises(ValueError, match="fill the picture"):
        read(file(far))
    assert_like(file(far.crop((500, 500, 1600, 1600))), digit)


def test_dust_and_lines(ink, digit):
    grey = sheet(np.pad(ink, ((0, 0), (60, 60))))
    grey[np.arange(400) % 25 < 2] -= 0.2
    grey[:, 3:5] = 0.3  # the margin
    grey[4:10, 150:156] = grey[385:390, 400:405] = 0
    assert_like(file(picture(grey)), digit)


def test_a_part_that_is_apart_stays(digits):
    five = digits.test.images[digits.test.labels == 5][3:4].clone()
    rows = five[0, 0].amax(1).nonzero()[:, 0]
    five[:, :, rows[0] + 5 : rows[0] + 6] = 0
    assert ndimage.label(five[0, 0].numpy() > 100)[1] >= 2
    assert_like(file(Image.fromarray(five[0, 0].numpy()).resize((280, 280))), five)


def test_a_thin_pen_writes_as_bright_as_mnist(digits):
    y, x = np.mgrid[0:2000, 0:1500]
    ring = abs(np.hypot((y - 1000) / 1.3, x - 750) - 500)
    for width in (4, 12, 40):
        one = read(file(picture(0.9 - 0.8 * (ring < width / 2))))
        assert one.max() > 0.8 and one.sum() > 50 and one[0, 0, 13:15, 13:15].max() == 0


def test_tall_wide_small_and_large(ink, digit):
    for shape in [((0, 0), (0, 3000)), ((3000, 0), (0, 0)), ((600, 500), (20, 900))]:
        assert_like(file(picture(sheet(np.pad(ink, shape)))), digit)
    rows, columns = (np.flatnonzero((ink > 0.2).any(axis)) for axis in (1, 0))
    assert_like(file(picture(sheet(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]))), digit)
    small = Image.fromarray(digit[0, 0].numpy()).resize((10, 10), Image.Resampling.BOX)
    assert_like(file(small), digit, within=0.06)


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (10, 10), (400, 300)])
@pytest.mark.parametrize("grey", [0, 100, 255])
def test_a_blank_picture(size, grey):
    with pytest.raises(ValueError, match="nothing is to be seen"):
        read(file(Image.new("L", size, grey)))


def test_an_empty_sheet_with_grain_in_uneven_light_or_on_a_desk():
    empty = np.zeros((400, 300), dtype=np.float32)
    slope = np.linspace(0.5, 1, 400)[:, None]
    for seen in (picture(sheet(empty, noise=0.05)), picture(sheet(empty) * slope), on_desk(sheet(empty), 0.2)):
        with pytest.raises(ValueError, match="nothing is to be seen"):
            read(file(seen))


# ---- what the file is ----


@pytest.fixture(scope="module")
def seven(digits):
    seven = digits.test.images[digits.test.labels == 7][0:1]
    return seven, Image.fromarray(255 - seven[0, 0].numpy()).resize((280, 280), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "I;16", "I;16B", "I", "F"])
def test_modes(seven, mode):
    digit, light = seven
    deep = {"I;16": (np.uint16, 257), "I;16B": (">u2", 257), "I": (np.int32, 16), "F": (np.float32, 1 / 255)}
    if mode in deep:
        dtype, factor = deep[mode]
        values = (np.array(light, dtype=np.float64) * factor).astype(dtype)
        one = Image.frombytes(mode, light.size, values.tobytes())
    else:
        one = light.convert(mode)
    assert one.mode == mode
    assert_like(file(one, "TIFF"), digit)


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("colour", ["black", "white", "red"])
def test_ink_on_nothing(seven, format, colour):
    digit, light = seven
    clear = Image.new("RGBA", light.size, colour)
    clear.putalpha(Image.eval(light, lambda v: 255 - v))
    assert_like(file(clear, format), digit)


def test_a_palette_with_a_transparent_colour(seven):
    digit, light = seven
    for colours in ([255, 255, 255], [0, 0, 0]):  # the same for ink and paper
        palette = light.point(lambda v: v > 127).convert("P")
        palette.putpalette(colours * 256)
        for format in ("PNG", "GIF"):
            assert_like(file(palette, format, transparency=int(np.array(palette).max())), digit)


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "TIFF"])
def test_one_of_two_frames_is_empty(seven, format):
    digit, light = seven
    light, empty = light.convert("RGB"), Image.new("RGB", light.size, "white")
    for first, second in ((empty, light), (light, empty)):
        assert_like(file(first, format, save_all=True, append_images=[second]), digit)


def test_more_pixels_than_pillow_likes(seven):
    digit, light = seven
    large = light.resize((9600, 9600)).convert("1")
    assert large.width * large.height > Image.MAX_IMAGE_PIXELS
    assert_like(file(large), digit)
    with pytest.raises(ValueError, match="too many pixels"):
        read(file(Image.new("1", (14000, 14000), 1)))


@pytest.mark.parametrize("turn", range(1, 9))
def test_turned_by_exif(seven, turn):
    """Pillow turns a large copy, for comparison."""
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = turn
    data = file(seven[1].resize((280, 400)), "JPEG", exif=exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert torch.equal(photos.read_photo(data), photos.read_photo(file(upright)))


def test_no_picture_and_no_reader_for_it(seven):
    _, light = seven
    damaged = [file(light, format)[:-300] for format in ("PNG", "JPEG")]
    for data in (b"", b"text", b"\0\0\0\x1cftypheicmif1" + bytes(200), b"%!PS-Adobe-3.0 EPSF-3.0\n", *damaged):
        with pytest.raises(ValueError, match=r"not a picture that can be read.*HEIC.*PNG or JPEG") as caught:
            read(data)
        assert "BytesIO" not in str(caught.value)


def test_damaged_files_raise_nothing_but_value_errors(seven):
    random = np.random.default_rng(0)
    small = seven[1].resize((56, 56))
    for format in ("PNG", "GIF", "TIFF", "WEBP", "BMP", "JPEG"):
        whole = np.frombuffer(file(small, format), dtype=np.uint8)
        for _ in range(30):
            data = whole.copy()
            data[random.integers(0, min(300, len(data)), 3)] = random.integers(0, 256, 3)
            try:
                ink = photos.read_photo(data.tobytes())
            except ValueError:
                continue
            assert ink.dtype == torch.float32 and ink.min() >= 0 and ink.max() <= 1


# ---- odd machines ----


def test_another_default_device_and_dtype():
    program = """
import torch
from denoise_utils.widgets import drawing
ink = torch.rand(30, 20)
before = drawing.centre_digit(ink)
torch.set_default_device("meta"); torch.set_default_dtype(torch.float64)
for same in (ink, ink.double(), ink.requires_grad_()):
    after = drawing.centre_digit(same)
    assert after.device.type == "cpu" and after.dtype == torch.float32 and bool((after == before).all())
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=photos.__file__.rsplit("denoise_utils", 1)[0])
