using ZImage.Posters.Scenes;

namespace ZImage.Posters.Rendering;

/// <summary>A line of text laid out in a picture: the cell of each character, in pixels.</summary>
internal sealed class TextLine
{
    private readonly int[] glyphs;
    private readonly double[] centres;

    private TextLine(IReadOnlyList<string> characters, double x, double y, double height)
    {
        GlyphAtlas atlas = GlyphAtlas.Shared;
        (X, Y, Height) = (x, y, height);
        glyphs = [.. characters.Select(atlas.IndexOf)];
        centres = new double[glyphs.Length];
        double at = x - (characters.Sum(atlas.Pitch) * height / 2);
        for (int i = 0; i < glyphs.Length; i++)
        {
            double advance = atlas.Pitch(characters[i]) * height;
            centres[i] = at + (advance / 2);
            at += advance;
        }

        Width = 2 * (at - x);
    }

    /// <summary>Centre of the line.</summary>
    public double X { get; }

    /// <summary>Centre of the line.</summary>
    public double Y { get; }

    /// <summary>Side of a character's cell.</summary>
    public double Height { get; }

    /// <summary>From the first character's left to the last one's right.</summary>
    public double Width { get; }

    /// <summary>Number of characters.</summary>
    public int Count => glyphs.Length;

    /// <summary>The line of a scene at its nominal place.</summary>
    public static TextLine Of(Scene scene, TextSpec text) =>
        new(text.Characters, text.X * scene.Width, text.Y * scene.Height, text.Height * scene.Unit);

    /// <summary>A line of the same characters elsewhere.</summary>
    public static TextLine At(IReadOnlyList<string> characters, double x, double y, double height) => new(characters, x, y, height);

    /// <summary>The character's number in the atlas; negative for one that it has not.</summary>
    public int Glyph(int position) => glyphs[position];

    /// <summary>Centre of a character's cell.</summary>
    public double CentreOf(int position) => centres[position];

    /// <summary>How much of the pixel with this centre the text covers, 0 to 1.</summary>
    public float Coverage(double x, double y)
    {
        if (Math.Abs(y - Y) > (Height / 2) + 1 || Math.Abs(x - X) > (Width / 2) + Height)
        {
            return 0;
        }

        GlyphAtlas atlas = GlyphAtlas.Shared;
        double scale = atlas.CellSize / Height;
        float covered = 0;
        for (int i = 0; i < glyphs.Length; i++)
        {
            double dx = x - centres[i];
            if (glyphs[i] >= 0 && Math.Abs(dx) < (Height / 2) + 1)
            {
                covered += atlas.Mean(glyphs[i], (dx + (Height / 2)) * scale, (y - Y + (Height / 2)) * scale, scale);
            }
        }

        return Math.Min(covered, 1);
    }
}
