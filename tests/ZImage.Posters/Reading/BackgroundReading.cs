using ZImage.Posters.Rendering;
using ZImage.Posters.Scenes;

namespace ZImage.Posters.Reading;

/// <summary>The background that a picture has, told from its border, which no shape and no text touches.</summary>
internal sealed class BackgroundReading
{
    /// <summary>Mean distance of the border's pixels from the model above which nothing fits: the border is no background of these kinds.</summary>
    private const float Unfit = 70;

    /// <summary>A more intricate model counts only where it leaves less than this share of the simpler one's error.</summary>
    private const float Gain = 0.75f;

    /// <summary>Colours of a gradient or of stripes are at least this far apart; nearer ones are one plain colour with noise.</summary>
    private const float Apart = 40;

    private const int Phases = 32;

    /// <summary>A pixel nearer to the model than this is background.</summary>
    private const float Near = 50;

    /// <summary>The least share of a picture that is background: three large shapes and a line of text leave more.</summary>
    private const double LeastShare = 0.25;

    private readonly Func<double, double, Rgb> model;

    private BackgroundReading(BackgroundKind kind, Direction direction, IReadOnlyList<Rgb> colors, float error, Func<double, double, Rgb> model)
    {
        (Kind, Direction, Colors, Error, this.model) = (kind, direction, colors, error, model);
    }

    public BackgroundKind Kind { get; }

    public Direction Direction { get; }

    /// <summary>One colour or two; a gradient's first is at the top or left.</summary>
    public IReadOnlyList<Rgb> Colors { get; }

    /// <summary>Mean distance of the border's pixels from the model, outliers bounded.</summary>
    public float Error { get; }

    /// <summary>Whether the model explains the border and a good part of the picture.</summary>
    public bool Fits { get; private set; }

    /// <summary>The background's colour at a pixel, whatever stands there.</summary>
    public Rgb At(int x, int y) => model(x + 0.5, y + 0.5);

    /// <summary>The model that explains the border best.</summary>
    public static BackgroundReading Of(Picture picture)
    {
        int[] border = [.. Border(picture)];
        BackgroundReading best = Plain(picture, border);
        foreach (Direction direction in (Direction[])[Direction.Vertical, Direction.Horizontal])
        {
            best = Better(best, Gradient(picture, border, direction));
        }

        foreach (Direction direction in (Direction[])[Direction.Vertical, Direction.Horizontal, Direction.Diagonal])
        {
            best = Better(best, Stripes(picture, border, direction));
        }

        int near = Enumerable.Range(0, picture.Count).Count(i => picture[i].Distance(best.At(i % picture.Width, i / picture.Width)) < Near);
        best.Fits = best.Error < Unfit && near >= LeastShare * picture.Count;
        return best;
    }

    private static BackgroundReading Better(BackgroundReading best, BackgroundReading other)
    {
        float bar = best.Kind == BackgroundKind.Plain ? best.Error * Gain : best.Error;
        return other.Error < bar && other.Colors[0].Distance(other.Colors[1]) > Apart ? other : best;
    }

    /// <summary>A frame as wide as what every shape keeps free; its outermost pixels stay out, where a decoder pads.</summary>
    private static IEnumerable<int> Border(Picture picture)
    {
        int width = Math.Max(picture.Unit / 64, 2);
        for (int y = 0; y < picture.Height; y++)
        {
            for (int x = 0; x < picture.Width; x++)
            {
                int depth = Math.Min(Math.Min(x, y), Math.Min(picture.Width - 1 - x, picture.Height - 1 - y));
                if (depth >= 1 && depth <= width)
                {
                    yield return (y * picture.Width) + x;
                }
            }
        }
    }

    private static BackgroundReading Plain(Picture picture, int[] border)
    {
        Rgb color = picture.Median(border);
        return Make(picture, border, BackgroundKind.Plain, Direction.None, [color], (_, _) => color);
    }

    private static BackgroundReading Gradient(Picture picture, int[] border, Direction direction)
    {
        // Least squares for a + (b - a)·t, with t from 0 to 1 across the picture.
        double n = 0, st = 0, stt = 0;
        Rgb sum = default, weighted = default;
        foreach (int i in border)
        {
            float t = (float)Share((i % picture.Width) + 0.5, (i / picture.Width) + 0.5);
            n++;
            st += t;
            stt += t * t;
            sum += picture[i];
            weighted += picture[i] * t;
        }

        double det = (n * stt) - (st * st);
        Rgb slope = (weighted * (float)n + (sum * (float)-st)) * (float)(1 / det);
        Rgb first = (sum + (slope * (float)-st)) * (float)(1 / n);
        return Make(picture, border, BackgroundKind.Gradient, direction, [first, first + slope], (x, y) => first + (slope * (float)Share(x, y)));

        double Share(double x, double y) => direction == Direction.Vertical ? y / picture.Height : x / picture.Width;
    }

    private static BackgroundReading Stripes(Picture picture, int[] border, Direction direction)
    {
        BackgroundReading? best = null;
        for (int step = 0; step < Phases; step++)
        {
            // Half a period further is the same with the colours exchanged.
            double phase = 0.5 * step / Phases;
            Rgb even = picture.Median(border.Where(i => IsEven((i % picture.Width) + 0.5, (i / picture.Width) + 0.5)));
            Rgb odd = picture.Median(border.Where(i => !IsEven((i % picture.Width) + 0.5, (i / picture.Width) + 0.5)));
            BackgroundReading reading = Make(
                picture, border, BackgroundKind.Stripes, direction, [even, odd], (x, y) => IsEven(x, y) ? even : odd);
            best = best is null || reading.Error < best.Error ? reading : best;

            bool IsEven(double x, double y)
            {
                double along = PosterRenderer.StripeCoordinate(direction, x, y) / (picture.Unit * PosterRenderer.StripePeriod);
                double cycle = along + phase;
                return cycle - Math.Floor(cycle) < 0.5;
            }
        }

        return best!;
    }

    private static BackgroundReading Make(
        Picture picture, int[] border, BackgroundKind kind, Direction direction, IReadOnlyList<Rgb> colors, Func<double, double, Rgb> model)
    {
        float total = 0;
        foreach (int i in border)
        {
            total += Math.Min(picture[i].Distance(model((i % picture.Width) + 0.5, (i / picture.Width) + 0.5)), 150);
        }

        return new BackgroundReading(kind, direction, colors, total / border.Length, model);
    }
}
