using ZImage.Imaging;
using ZImage.Posters.Scenes;

namespace ZImage.Posters.Reading;

/// <summary>The picture that is judged, as colours.</summary>
internal sealed class Picture
{
    private readonly Rgb[] pixels;

    public Picture(ImageBuffer image)
    {
        (Width, Height) = (image.Width, image.Height);
        pixels = new Rgb[Width * Height];
        for (int i = 0; i < pixels.Length; i++)
        {
            pixels[i] = new Rgb(image.Rgb[3 * i], image.Rgb[(3 * i) + 1], image.Rgb[(3 * i) + 2]);
        }
    }

    public int Width { get; }

    public int Height { get; }

    /// <summary>The shorter side: the unit of lengths.</summary>
    public int Unit => Math.Min(Width, Height);

    public int Count => pixels.Length;

    public Rgb this[int index] => pixels[index];

    public Rgb this[int x, int y] => pixels[(y * Width) + x];

    /// <summary>The median of each channel over some pixels.</summary>
    public Rgb Median(IEnumerable<int> indices)
    {
        int[] chosen = [.. indices];
        if (chosen.Length == 0)
        {
            return default;
        }

        float[] values = new float[chosen.Length];
        return new Rgb(Channel(p => p.R), Channel(p => p.G), Channel(p => p.B));

        float Channel(Func<Rgb, float> get)
        {
            for (int i = 0; i < chosen.Length; i++)
            {
                values[i] = get(pixels[chosen[i]]);
            }

            Array.Sort(values);
            return values[values.Length / 2];
        }
    }

    /// <summary>Refuses a picture of another size than its scene.</summary>
    /// <exception cref="PosterException">The sizes differ.</exception>
    public void RequireSizeOf(Scene scene)
    {
        if ((Width, Height) != (scene.Width, scene.Height))
        {
            throw new PosterException($"The picture has {Width}x{Height} pixels, its scene {scene.Width}x{scene.Height}.", "Draw every scene at its own size.");
        }
    }
}
