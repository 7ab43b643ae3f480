using System.Text.Json;
using ZImage.Imaging;

namespace ZImage.Posters.Rendering;

/// <summary>The characters' pictures: coverage in square cells, the atlas of training/poster.</summary>
internal sealed class GlyphAtlas
{
    private readonly Dictionary<string, int> indices = new(StringComparer.Ordinal);
    private readonly float[][] cells;
    private readonly float[][] halves;
    private readonly double latinPitch;
    private readonly double chinesePitch;

    private GlyphAtlas(JsonElement description, ImageBuffer picture)
    {
        CellSize = description.GetProperty("cell").GetInt32();
        latinPitch = description.GetProperty("latin_pitch").GetDouble();
        chinesePitch = description.GetProperty("chinese_pitch").GetDouble();
        Characters = [.. description.GetProperty("characters").GetString()!.EnumerateRunes().Select(rune => rune.ToString())];
        int columns = description.GetProperty("columns").GetInt32();
        cells = new float[Characters.Count][];
        for (int i = 0; i < cells.Length; i++)
        {
            indices.Add(Characters[i], i);
            cells[i] = Cell(picture, i % columns, i / columns);
        }

        halves = [.. cells.Select(cell => Halve(cell, CellSize))];
    }

    /// <summary>The atlas that this program carries.</summary>
    public static GlyphAtlas Shared { get; } = Load();

    /// <summary>Side of a cell in its own pixels.</summary>
    public int CellSize { get; }

    /// <summary>Every character, in the atlas's order.</summary>
    public IReadOnlyList<string> Characters { get; }

    /// <summary>The number of a character; negative where the atlas has none.</summary>
    public int IndexOf(string character) => indices.GetValueOrDefault(character, -1);

    /// <summary>How far the next character stands, in cells.</summary>
    public double Pitch(string character) => character.Length == 1 && char.IsAscii(character[0]) ? latinPitch : chinesePitch;

    /// <summary>Coverage of a pixel: the mean of four samples, from cells of half the resolution where pixels are large, as the training's renderer has it.</summary>
    /// <param name="index">The character.</param>
    /// <param name="x">The pixel's centre, in the cell's own pixels.</param>
    /// <param name="y">The pixel's centre.</param>
    /// <param name="side">The pixel's side.</param>
    public float Mean(int index, double x, double y, double side)
    {
        const double SmallestWholeCell = 28;
        (float[] cell, int size) = side * SmallestWholeCell > CellSize ? (halves[index], CellSize / 2) : (cells[index], CellSize);
        double scale = (double)size / CellSize;
        double quarter = side / 4;
        return (Bilinear.At(cell, size, (x - quarter) * scale, (y - quarter) * scale) + Bilinear.At(cell, size, (x + quarter) * scale, (y - quarter) * scale)
            + Bilinear.At(cell, size, (x - quarter) * scale, (y + quarter) * scale) + Bilinear.At(cell, size, (x + quarter) * scale, (y + quarter) * scale)) / 4;
    }

    private static float[] Halve(float[] cell, int size)
    {
        int half = size / 2;
        float[] result = new float[half * half];
        for (int i = 0; i < result.Length; i++)
        {
            int at = (i / half * 2 * size) + (i % half * 2);
            result[i] = (cell[at] + cell[at + 1] + cell[at + size] + cell[at + size + 1]) / 4;
        }

        return result;
    }

    private float[] Cell(ImageBuffer picture, int column, int row)
    {
        float[] cell = new float[CellSize * CellSize];
        for (int y = 0; y < CellSize; y++)
        {
            for (int x = 0; x < CellSize; x++)
            {
                cell[(y * CellSize) + x] = picture.Rgb[3 * ((((row * CellSize) + y) * picture.Width) + (column * CellSize) + x)] / 255f;
            }
        }

        return cell;
    }

    private static GlyphAtlas Load()
    {
        using JsonDocument description = JsonDocument.Parse(Resource("glyphs.json"));
        return new GlyphAtlas(description.RootElement, ImageReader.Read(Resource("glyphs.png"), "glyphs.png"));
    }

    private static byte[] Resource(string name)
    {
        using Stream stream = typeof(GlyphAtlas).Assembly.GetManifestResourceStream(name)
            ?? throw new PosterException($"This build carries no {name}.", "Build it from a whole checkout.");
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
