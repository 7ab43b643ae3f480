namespace ZImage.Posters;

/// <summary>The shapes that captions name.</summary>
internal enum ShapeKind
{
    Circle,
    Square,
    Triangle,
    Star,
    Heart,
    Ring,
    Cross,
    Crescent,
    Diamond,
    Hexagon,
}

/// <summary>
/// What each shape is: signed distances about its centre in units of its radius, y downwards, at most 0 inside. The same table as in
/// training/poster/shapes.py, which defines it.
/// </summary>
internal static class ShapeGeometry
{
    private const double StarInner = 0.47;
    private const double HeartSize = 0.8284;
    private const double HeartShift = 0.17;

    private static readonly double s_starX = StarInner * Math.Sin(Math.PI / 5);
    private static readonly double s_starY = 1 - (StarInner * Math.Cos(Math.PI / 5));
    private static readonly double s_starNorm = Hypot(s_starX, s_starY);
    private static readonly double s_triangleNorm = Hypot(1.62, 0.95);
    private static readonly double s_diamondNorm = Hypot(1 / 0.85, 1);
    private static readonly double s_half3 = Math.Sqrt(3) / 2;

    /// <summary>Every kind.</summary>
    public static IReadOnlyList<ShapeKind> All { get; } = Enum.GetValues<ShapeKind>();

    /// <summary>Area in squared radii, and the centroid against the centre in radii, by sampling.</summary>
    public static IReadOnlyList<(double Area, double X, double Y)> Moments { get; } = [.. All.Select(Measure)];

    /// <summary>Distance from the outline in radii, negative inside.</summary>
    public static double Distance(ShapeKind kind, double x, double y)
    {
        double ax = Math.Abs(x);
        double ay = Math.Abs(y);
        switch (kind)
        {
            case ShapeKind.Circle:
                return Hypot(x, y) - 1;
            case ShapeKind.Square:
                return Math.Max(ax, ay) - 0.9;
            case ShapeKind.Triangle:
                return Math.Max(y - 0.62, ((1.62 * ax) - (0.95 * (y + 1))) / s_triangleNorm);
            case ShapeKind.Star:
                const double Sector = 2 * Math.PI / 5;
                double a = Math.Atan2(x, -y) + (Math.PI / 5);
                double b = Math.Abs(a - (Sector * Math.Floor(a / Sector)) - (Math.PI / 5));
                double radius = Hypot(x, y);
                return ((((radius * Math.Cos(b)) - 1) * s_starX) + (radius * Math.Sin(b) * s_starY)) / s_starNorm;
            case ShapeKind.Heart:
                double z = y - HeartShift;
                double lobe = Hypot(ax - (HeartSize / 2), z + (HeartSize / 2)) - (HeartSize / Math.Sqrt(2));
                return Math.Min((ax + Math.Abs(z) - HeartSize) / Math.Sqrt(2), lobe);
            case ShapeKind.Ring:
                return Math.Abs(Hypot(x, y) - 0.79) - 0.21;
            case ShapeKind.Cross:
                return Math.Min(Math.Max(ax - 1, ay - 0.36), Math.Max(ax - 0.36, ay - 1));
            case ShapeKind.Crescent:
                return Math.Max(Hypot(x - 0.28, y) - 1, 0.85 - Hypot(x - 0.78, y));
            case ShapeKind.Diamond:
                return ((ax / 0.85) + ay - 1) / s_diamondNorm;
            default:
                return Math.Max(ay, (ax * s_half3) + (ay / 2)) - s_half3;
        }
    }

    private static double Hypot(double x, double y) => Math.Sqrt((x * x) + (y * y));

    private static (double Area, double X, double Y) Measure(ShapeKind kind)
    {
        const int Steps = 256;
        const double Extent = 1.3;
        double count = 0, sumX = 0, sumY = 0;
        for (int i = 0; i < Steps; i++)
        {
            for (int j = 0; j < Steps; j++)
            {
                double x = (((2 * (j + 0.5)) / Steps) - 1) * Extent;
                double y = (((2 * (i + 0.5)) / Steps) - 1) * Extent;
                if (Distance(kind, x, y) <= 0)
                {
                    count++;
                    sumX += x;
                    sumY += y;
                }
            }
        }

        double cell = 2 * Extent / Steps;
        return (count * cell * cell, sumX / count, sumY / count);
    }
}
