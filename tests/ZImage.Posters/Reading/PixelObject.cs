namespace ZImage.Posters.Reading;

/// <summary>A connected region of one colour that stands out from the background.</summary>
internal sealed class PixelObject
{
    private readonly bool[] member;
    private readonly int width;

    /// <summary>Keeps a region.</summary>
    /// <param name="pixels">Indices of its pixels.</param>
    /// <param name="picture">The picture that they are of.</param>
    /// <param name="isHole">Whether it is background, seen through another region.</param>
    public PixelObject(IReadOnlyList<int> pixels, Picture picture, bool isHole = false)
    {
        IsHole = isHole;
        Pixels = pixels;
        width = picture.Width;
        member = new bool[picture.Count];
        double sumX = 0, sumY = 0;
        foreach (int i in pixels)
        {
            member[i] = true;
            sumX += (i % width) + 0.5;
            sumY += (i / width) + 0.5;
        }

        (X, Y) = (sumX / pixels.Count, sumY / pixels.Count);
        Value = picture.Median(pixels);
        Color = Palette.Nearest(Value);
    }

    /// <summary>Whether it has the background's colour and lies within another region: a shape in a container can look so, and so does a ring's hole.</summary>
    public bool IsHole { get; }

    /// <summary>Its pixels.</summary>
    public IReadOnlyList<int> Pixels { get; }

    /// <summary>Centroid.</summary>
    public double X { get; }

    /// <summary>Centroid.</summary>
    public double Y { get; }

    /// <summary>The median of its pixels.</summary>
    public Rgb Value { get; }

    /// <summary>The palette's colour nearest to <see cref="Value"/>.</summary>
    public PosterColor Color { get; }

    /// <summary>Whether a pixel belongs to it; none outside the picture does.</summary>
    public bool Contains(int x, int y) => (uint)x < (uint)width && (uint)y < (uint)(member.Length / width) && member[(y * width) + x];

    /// <summary>This region and another as one: a container with the shape in it.</summary>
    public PixelObject With(PixelObject other, Picture picture) => new([.. Pixels.Union(other.Pixels)], picture);
}
