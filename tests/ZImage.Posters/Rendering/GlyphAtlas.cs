using System.Text.Json;
using ZImage.Imaging;

namespace ZImage.Posters.Rendering;

/// <summary>The characters' pictures: coverage in square cells, the atlas of training/poster.</summary>
internal sealed class GlyphAtlas
{
    private readonly Dictionary<string, int> indices = new(StringComparer.Ordinal);
    private readonly float[][] cells;
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

    /// <summary>Coverage at a point of a cell, from 0 to 1: bilinear, and 0 outside.</summary>
    /// <param name="index">The character.</param>
    /// <param name="x">Column in the cell's own pixels; a pixel's centre lies at one half.</param>
    /// <param name="y">Row.</param>
    public float At(int index, double x, double y)
    {
        double fx = Math.Floor(x - 0.5);
        double fy = Math.Floor(y - 0.5);
        (int column, int row) = ((int)fx, (int)fy);
        (float tx, float ty) = ((float)(x - 0.5 - fx), (float)(y - 0.5 - fy));
        float top = (Pixel(index, column, row) * (1 - tx)) + (Pixel(index, column + 1, row) * tx);
        float bottom = (Pixel(index, column, row + 1) * (1 - tx)) + (Pixel(index, column + 1, row + 1) * tx);
        return (top * (1 - ty)) + (bottom * ty);
    }

    /// <summary>Mean coverage over a square of a cell: what a pixel of a smaller picture sees.</summary>
    /// <param name="index">The character.</param>
    /// <param name="x">Centre, in the cell's own pixels.</param>
    /// <param name="y">Centre.</param>
    /// <param name="side">Side of the square.</param>
    public float Mean(int index, double x, double y, double side)
    {
        const int Samples = 3;
        float sum = 0;
        for (int i = 0; i < Samples; i++)
        {
            for (int j = 0; j < Samples; j++)
            {
                sum += At(index, x + ((((j + 0.5) / Samples) - 0.5) * side), y + ((((i + 0.5) / Samples) - 0.5) * side));
            }
        }

        return sum / (Samples * Samples);
    }

    private float Pixel(int index, int x, int y) => (uint)x < (uint)CellSize && (uint)y < (uint)CellSize ? cells[index][(y * CellSize) + x] : 0;

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
