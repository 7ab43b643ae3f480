namespace ZImage.Posters.Reading;

/// <summary>How well a region is a shape of a kind: the placed shape that overlaps it most.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Overlap">Area of the intersection over area of the union.</param>
/// <param name="X">Centre in pixels.</param>
/// <param name="Y">Centre in pixels.</param>
/// <param name="Radius">Radius in pixels.</param>
internal readonly record struct ShapeFit(ShapeKind Kind, double Overlap, double X, double Y, double Radius)
{
    private const int TableSide = 512;
    private const double Extent = 1.3;

    private static readonly bool[][] s_tables = [.. ShapeGeometry.All.Select(Table)];

    /// <summary>The best fit of every kind, in the order of the kinds.</summary>
    public static IReadOnlyList<ShapeFit> OfAll(PixelObject region) => [.. ShapeGeometry.All.Select(kind => Of(kind, region))];

    /// <summary>The best fit of one kind: it starts where area and centroid agree, and climbs.</summary>
    public static ShapeFit Of(ShapeKind kind, PixelObject region)
    {
        (double area, double offsetX, double offsetY) = ShapeGeometry.Moments[(int)kind];
        double radius = Math.Sqrt(region.Pixels.Count / area);
        ShapeFit best = Place(kind, region, region.X - (offsetX * radius), region.Y - (offsetY * radius), radius);
        for (double step = 0.08; step > 0.008; step /= 2)
        {
            bool better = true;
            while (better)
            {
                better = false;
                double d = step * best.Radius;
                foreach ((double dx, double dy, double dr) in ((double, double, double)[])[(d, 0, 0), (-d, 0, 0), (0, d, 0), (0, -d, 0), (0, 0, d), (0, 0, -d)])
                {
                    ShapeFit next = Place(kind, region, best.X + dx, best.Y + dy, best.Radius + dr);
                    if (next.Overlap > best.Overlap + 1e-6)
                    {
                        (best, better) = (next, true);
                    }
                }
            }
        }

        return best;
    }

    private static ShapeFit Place(ShapeKind kind, PixelObject region, double x, double y, double radius)
    {
        bool[] table = s_tables[(int)kind];
        double reach = radius * Extent;
        double scale = TableSide / (2 * reach);
        int inside = 0, both = 0;
        for (int row = (int)Math.Ceiling(y - reach); row < y + reach - 1; row++)
        {
            int ty = (int)((row + 0.5 - y + reach) * scale);
            if ((uint)ty >= TableSide)
            {
                continue;
            }

            for (int column = (int)Math.Ceiling(x - reach); column < x + reach - 1; column++)
            {
                int tx = (int)((column + 0.5 - x + reach) * scale);
                if ((uint)tx < TableSide && table[(ty * TableSide) + tx])
                {
                    inside++;
                    both += region.Contains(column, row) ? 1 : 0;
                }
            }
        }

        return new ShapeFit(kind, (double)both / (inside + region.Pixels.Count - both), x, y, radius);
    }

    private static bool[] Table(ShapeKind kind)
    {
        bool[] table = new bool[TableSide * TableSide];
        for (int i = 0; i < table.Length; i++)
        {
            double x = (((2 * ((i % TableSide) + 0.5)) / TableSide) - 1) * Extent;
            double y = (((2 * ((i / TableSide) + 0.5)) / TableSide) - 1) * Extent;
            table[i] = ShapeGeometry.Distance(kind, x, y) <= 0;
        }

        return table;
    }
}
