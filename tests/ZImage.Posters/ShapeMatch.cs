using ZImage.Posters.Reading;
using ZImage.Posters.Scenes;

namespace ZImage.Posters;

/// <summary>The region of a picture that stands for a shape of the scene, and what it is.</summary>
internal sealed class ShapeMatch
{
    private static readonly ShapeMatch s_nothing = new();

    private readonly double stateOverlap;
    private readonly double sizeError;

    private ShapeMatch() => Offset = double.MaxValue;

    private ShapeMatch(Scene scene, ShapeSpec shape, PixelObject region, IReadOnlyList<ShapeFit> fits)
    {
        Region = region;
        ShapeFit best = fits.MaxBy(fit => fit.Overlap);
        Kind = best.Overlap > PosterCheck.LeastOverlap ? best.Kind : null;
        Radius = best.Radius;
        stateOverlap = fits[(int)shape.Kind].Overlap;

        sizeError = Math.Abs(Math.Log(best.Radius / (shape.Radius * scene.Unit)));

        // The centroid of a triangle or a crescent is not its centre: where the stated kind would have it counts.
        (_, double offsetX, double offsetY) = ShapeGeometry.Moments[(int)shape.Kind];
        double radius = shape.Radius * scene.Unit;
        X = (region.X - (offsetX * radius)) / scene.Width;
        Y = (region.Y - (offsetY * radius)) / scene.Height;
        Offset = Distance(X - shape.X, Y - shape.Y);
    }

    /// <summary>The region; null where the picture has none for this shape.</summary>
    public PixelObject? Region { get; }

    /// <summary>The kind that overlaps it most; null where none does well.</summary>
    public ShapeKind? Kind { get; }

    /// <summary>Centre, in widths.</summary>
    public double X { get; }

    /// <summary>Centre, in heights.</summary>
    public double Y { get; }

    /// <summary>Radius of the best kind in pixels.</summary>
    public double Radius { get; }

    /// <summary>From the nominal centre, in widths and heights.</summary>
    public double Offset { get; }

    /// <summary>Length of an offset.</summary>
    public static double Distance(double dx, double dy) => Math.Sqrt((dx * dx) + (dy * dy));

    /// <summary>
    /// Chooses a region for every shape so that as much as possible of what is stated comes out right: a shape in the wrong colour is wrong in its
    /// colour alone, and a shape without a place is looked for everywhere.
    /// </summary>
    public static ShapeMatch[] All(Scene scene, Picture picture, IReadOnlyList<PixelObject> regions)
    {
        IReadOnlyList<ShapeFit>[] fits = [.. regions.Select(ShapeFit.OfAll)];
        Dictionary<(int, int), IReadOnlyList<ShapeFit>> filled = [];
        int[] chosen = new int[scene.Shapes.Count];
        int[] best = new int[scene.Shapes.Count];
        Array.Fill(best, -1);
        double least = double.MaxValue;
        Choose(0);
        return [.. best.Select((region, shape) => Match(shape, region, best))];

        void Choose(int shape)
        {
            if (shape == chosen.Length)
            {
                double cost = chosen.Select((region, i) => Cost(scene.Shapes[i], Match(i, region, chosen))).Sum();
                if (cost < least)
                {
                    least = cost;
                    chosen.CopyTo(best, 0);
                }

                return;
            }

            for (int region = -1; region < regions.Count; region++)
            {
                if (region >= 0 && !IsCandidate(scene.Shapes[shape], new ShapeMatch(scene, scene.Shapes[shape], regions[region], fits[region])))
                {
                    continue;
                }

                // Background seen through a hole is a shape only where the caption puts one into another.
                if (region < 0 || (Array.IndexOf(chosen, region, 0, shape) < 0 && (!regions[region].IsHole || scene.Shapes[shape].Inside is not null)))
                {
                    chosen[shape] = region;
                    Choose(shape + 1);
                }
            }
        }

        ShapeMatch Match(int shape, int region, int[] choice)
        {
            if (region < 0)
            {
                return s_nothing;
            }

            // The shape inside leaves a hole in its container, which belongs to the container's form; not so in a ring's own hole.
            int child = scene.Shapes.ToList().FindIndex(s => s.Inside == shape);
            bool isFilled = child >= 0 && scene.Shapes[shape].Kind != ShapeKind.Ring && choice[child] >= 0 && IsWithin(regions[choice[child]], regions[region]);
            return new ShapeMatch(scene, scene.Shapes[shape], regions[region], isFilled ? Filled(region, choice[child]) : fits[region]);
        }

        IReadOnlyList<ShapeFit> Filled(int region, int child)
        {
            if (!filled.TryGetValue((region, child), out IReadOnlyList<ShapeFit>? both))
            {
                filled.Add((region, child), both = ShapeFit.OfAll(regions[region].With(regions[child], picture)));
            }

            return both;
        }
    }

    /// <summary>At another place than the stated one only the very shape in its very colour is taken for it; else any blob would do for any shape.</summary>
    private static bool IsCandidate(ShapeSpec shape, ShapeMatch match) =>
        !shape.Stated.HasFlag(Stated.Place)
        || match.Offset <= PosterCheck.PlaceTolerance
        || ((!shape.Stated.HasFlag(Stated.Kind) || match.Kind == shape.Kind) && (!shape.Stated.HasFlag(Stated.Color) || match.Region!.Color == shape.Color));

    private static bool IsWithin(PixelObject inner, PixelObject outer) =>
        Distance(inner.X - outer.X, inner.Y - outer.Y) < Math.Sqrt(outer.Pixels.Count / Math.PI) / 2;

    /// <summary>How much of what is stated is wrong; offset and overlap decide between equals.</summary>
    private static double Cost(ShapeSpec shape, ShapeMatch match)
    {
        const double Nothing = 0.5;
        double cost = match.Region is null ? Nothing : 0;
        cost += shape.Stated.HasFlag(Stated.Kind) && match.Kind != shape.Kind ? 1 : 0;
        cost += shape.Stated.HasFlag(Stated.Color) && match.Region?.Color != shape.Color ? 1 : 0;
        cost += shape.Stated.HasFlag(Stated.Place) && match.Offset > PosterCheck.PlaceTolerance ? 1 : 0;
        cost += shape.Stated.HasFlag(Stated.Size) && match.sizeError > 0.2 ? 0.5 : 0;
        return cost + (0.1 * Math.Min(match.Offset, 1)) + (0.1 * (1 - match.stateOverlap));
    }
}
