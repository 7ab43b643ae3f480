using ZImage.Posters.Rendering;
using ZImage.Posters.Scenes;

namespace ZImage.Posters.Reading;

/// <summary>A line of text in a picture: where it is, in which colour, and which characters it shows.</summary>
/// <param name="Line">Where the wanted characters match best.</param>
/// <param name="Match">How well they match there as a whole, at most 1.</param>
/// <param name="Color">The colour that matches best.</param>
/// <param name="Characters">The character that matches best at each place of the line; null where none matches.</param>
internal sealed record TextReading(TextLine Line, float Match, PosterColor Color, IReadOnlyList<string?> Characters)
{
    /// <summary>The least correlation at which a line counts as found.</summary>
    private const float LeastMatch = 0.35f;

    /// <summary>The least correlation at which a character counts as read.</summary>
    private const float LeastCharacter = 0.5f;

    /// <summary>Squares of a cell's side, for finding the line and for reading a character.</summary>
    private const int CoarseCell = 14;
    private const int FineCell = 32;

    /// <summary>How far a character may stand off its place in the line, in squares of the fine grid: a tenth of a cell.</summary>
    private const int Slack = 3;

    private static readonly Dictionary<(int Glyph, int Columns), float[]> s_templates = [];
    private static readonly double[] s_sizes = [0.92, 1, 1.08];
    private static readonly double[] s_fineSizes = [0.96, 0.98, 1, 1.02, 1.04];

    /// <summary>Whether there is such a line at all.</summary>
    public bool IsFound => Match >= LeastMatch;

    /// <summary>Whether a pixel lies in the line's box.</summary>
    public bool Covers(int x, int y) =>
        IsFound && Math.Abs(x + 0.5 - Line.X) <= (Line.Width / 2) + (0.1 * Line.Height) && Math.Abs(y + 0.5 - Line.Y) <= Line.Height * 0.55;

    /// <summary>Looks for a text in every colour and at every place of the picture.</summary>
    /// <param name="picture">The picture.</param>
    /// <param name="background">Its background.</param>
    /// <param name="text">The wanted characters, and their size.</param>
    public static TextReading Of(Picture picture, BackgroundReading background, TextSpec text)
    {
        TextReading? best = null;
        foreach (PosterColor color in ColorsIn(picture, background))
        {
            InkMap ink = new(picture, background, Palette.Value(color));
            (TextLine line, float match) = Locate(picture, ink, text);
            if (best is null || match > best.Match)
            {
                best = new TextReading(line, match, color, [.. text.Characters.Select(_ => (string?)null)]);
            }
        }

        if (best is not { IsFound: true })
        {
            TextLine nominal = TextLine.At(text.Characters, text.X * picture.Width, text.Y * picture.Height, text.Height * picture.Unit);
            return new TextReading(nominal, 0, text.Color, [.. text.Characters.Select(_ => (string?)null)]);
        }

        InkMap map = new(picture, background, Palette.Value(best.Color));
        best = best with { Line = Refine(map, best.Line, text) };
        best = best with { Characters = [.. Enumerable.Range(0, best.Line.Count).Select(i => Read(map, best.Line, text.Characters[i], best.Line.CentreOf(i)))] };
        return best with { Color = InkColor(picture, best.Line) ?? best.Color };
    }

    /// <summary>The colours that stand somewhere on the background.</summary>
    private static IEnumerable<PosterColor> ColorsIn(Picture picture, BackgroundReading background)
    {
        int[] counts = new int[Palette.Count];
        for (int i = 0; i < picture.Count; i++)
        {
            if (picture[i].Distance(background.At(i % picture.Width, i / picture.Width)) > 40)
            {
                counts[(int)Palette.Nearest(picture[i])]++;
            }
        }

        int least = picture.Unit * picture.Unit / 3000;
        return Enumerable.Range(0, counts.Length).Where(i => counts[i] > least).Select(i => (PosterColor)i);
    }

    /// <summary>Looks everywhere for the whole line, coarsely.</summary>
    private static (TextLine Line, float Match) Locate(Picture picture, InkMap ink, TextSpec text)
    {
        TextLine best = TextLine.At(text.Characters, text.X * picture.Width, text.Y * picture.Height, text.Height * picture.Unit);
        float match = 0;
        (float[] template, int columns) = LineTemplate(text.Characters, CoarseCell);
        foreach (double size in s_sizes)
        {
            double height = text.Height * picture.Unit * size;
            double step = height / CoarseCell;

            // A margin of half a cell all round: a line may stand at the very edge.
            const int Margin = CoarseCell / 2;
            int gridWidth = Math.Max((int)(picture.Width / step), columns) + (2 * Margin);
            int gridHeight = (int)(picture.Height / step) + (2 * Margin);
            float[] grid = ink.Grid(-Margin * step, -Margin * step, step, gridWidth, gridHeight);
            Slide(template, columns, grid, gridWidth, (left, top, found) =>
            {
                if (found > match)
                {
                    match = found;
                    double x = (left - Margin + (columns / 2.0)) * step;
                    double y = (top - Margin + (CoarseCell / 2.0)) * step;
                    best = TextLine.At(text.Characters, x, y, height);
                }
            });
        }

        return (best, match);
    }

    /// <summary>Moves and sizes a found line more finely: letters such as O and Q differ by little.</summary>
    private static TextLine Refine(InkMap ink, TextLine line, TextSpec text)
    {
        TextLine best = line;
        float match = 0;
        (float[] template, int columns) = LineTemplate(text.Characters, FineCell);
        foreach (double size in s_fineSizes)
        {
            double height = line.Height * size;
            double step = height / FineCell;
            int gridWidth = columns + (2 * Slack);
            int gridHeight = FineCell + (2 * Slack);
            float[] grid = ink.Grid(line.X - (gridWidth * step / 2), line.Y - (gridHeight * step / 2), step, gridWidth, gridHeight);
            Slide(template, columns, grid, gridWidth, (left, top, found) =>
            {
                if (found > match)
                {
                    match = found;
                    best = TextLine.At(text.Characters, line.X + ((left - Slack) * step), line.Y + ((top - Slack) * step), height);
                }
            });
        }

        return best;
    }

    private static void Slide(float[] template, int columns, float[] grid, int gridWidth, Action<int, int, float> found)
    {
        int rows = template.Length / columns;
        for (int top = 0; top + rows <= grid.Length / gridWidth; top++)
        {
            for (int left = 0; left + columns <= gridWidth; left++)
            {
                found(left, top, Correlation.Of(template, columns, grid, gridWidth, left, top));
            }
        }
    }

    /// <summary>The whole line in squares, so many to a cell's side.</summary>
    private static (float[] Template, int Columns) LineTemplate(IReadOnlyList<string> characters, int cell)
    {
        TextLine line = TextLine.At(characters, 0, 0, cell);
        int columns = (int)Math.Ceiling(line.Width);
        float[] template = new float[columns * cell];
        for (int i = 0; i < template.Length; i++)
        {
            template[i] = line.Coverage((i % columns) + 0.5 - (columns / 2.0), (i / columns) + 0.5 - (cell / 2.0));
        }

        return (Correlation.Normalise(template), columns);
    }

    /// <summary>The character of the atlas that matches best about a place; the wanted one says how wide the place is.</summary>
    private static string? Read(InkMap ink, TextLine line, string wanted, double centre)
    {
        GlyphAtlas atlas = GlyphAtlas.Shared;
        double step = line.Height / FineCell;
        int columns = (int)Math.Round(atlas.Pitch(wanted) * FineCell);
        int gridWidth = columns + (2 * Slack);
        int gridHeight = FineCell + (2 * Slack);
        float[] grid = ink.Grid(centre - (gridWidth * step / 2), line.Y - (gridHeight * step / 2), step, gridWidth, gridHeight);
        string? best = null;
        float match = LeastCharacter;
        for (int glyph = 0; glyph < atlas.Characters.Count; glyph++)
        {
            Slide(Template(glyph, columns), columns, grid, gridWidth, (_, _, found) =>
            {
                if (found > match)
                {
                    (match, best) = (found, atlas.Characters[glyph]);
                }
            });
        }

        return best;
    }

    private static float[] Template(int glyph, int columns)
    {
        lock (s_templates)
        {
            if (!s_templates.TryGetValue((glyph, columns), out float[]? template))
            {
                GlyphAtlas atlas = GlyphAtlas.Shared;
                double scale = (double)atlas.CellSize / FineCell;
                template = new float[columns * FineCell];
                for (int i = 0; i < template.Length; i++)
                {
                    double x = (atlas.CellSize / 2.0) + (((i % columns) + 0.5 - (columns / 2.0)) * scale);
                    template[i] = atlas.Mean(glyph, x, ((i / columns) + 0.5) * scale, scale);
                }

                s_templates.Add((glyph, columns), template = Correlation.Normalise(template));
            }

            return template;
        }
    }

    /// <summary>The colour of the pixels that the line covers wholly; null where strokes are too thin to cover any.</summary>
    private static PosterColor? InkColor(Picture picture, TextLine line)
    {
        int[] covered = [.. Enumerable.Range(0, picture.Count).Where(i => line.Coverage((i % picture.Width) + 0.5, (i / picture.Width) + 0.5) > 0.95f)];
        return covered.Length < 8 ? null : Palette.Nearest(picture.Median(covered));
    }
}
