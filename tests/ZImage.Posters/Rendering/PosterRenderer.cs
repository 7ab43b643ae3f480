using ZImage.Imaging;
using ZImage.Posters.Scenes;

namespace ZImage.Posters.Rendering;

/// <summary>Draws a scene as it is meant: nominal places and colours, edges smoothed over one pixel.</summary>
internal static class PosterRenderer
{
    /// <summary>Width of a stripe and its neighbour together, in units of the shorter side.</summary>
    public const double StripePeriod = 0.25;

    /// <summary>The picture of a scene.</summary>
    public static ImageBuffer Render(Scene scene)
    {
        byte[] rgb = new byte[scene.Width * scene.Height * 3];
        TextLine? line = scene.Text is { } text ? TextLine.Of(scene, text) : null;
        for (int y = 0; y < scene.Height; y++)
        {
            for (int x = 0; x < scene.Width; x++)
            {
                Rgb color = BackgroundAt(scene, x + 0.5, y + 0.5);
                foreach (ShapeSpec shape in scene.Shapes)
                {
                    color = color.Mix(Palette.Value(shape.Color), Coverage(scene, shape, x + 0.5, y + 0.5));
                }

                if (line is not null)
                {
                    color = color.Mix(Palette.Value(scene.Text!.Color), line.Coverage(x + 0.5, y + 0.5));
                }

                int at = 3 * ((y * scene.Width) + x);
                (rgb[at], rgb[at + 1], rgb[at + 2]) = (Level(color.R), Level(color.G), Level(color.B));
            }
        }

        return new ImageBuffer(scene.Width, scene.Height, rgb);
    }

    /// <summary>The coordinate across stripes, in pixels: down for horizontal ones, right for vertical ones, right and down for diagonal ones.</summary>
    public static double StripeCoordinate(Direction direction, double x, double y) => direction switch
    {
        Direction.Horizontal => y,
        Direction.Vertical => x,
        _ => (x + y) / Math.Sqrt(2),
    };

    private static Rgb BackgroundAt(Scene scene, double x, double y)
    {
        Background background = scene.Background;
        Rgb first = Palette.Value(background.Colors[0]);
        switch (background.Kind)
        {
            case BackgroundKind.Plain:
                return first;
            case BackgroundKind.Gradient:
                double share = background.Direction == Direction.Vertical ? y / scene.Height : x / scene.Width;
                return first.Mix(Palette.Value(background.Colors[1]), (float)share);
            default:
                // Half a pixel on each side of an edge is mixed, as for shapes.
                double period = StripePeriod * scene.Unit;
                double along = StripeCoordinate(background.Direction, x, y) / period;
                double cycle = (along - Math.Floor(along)) * period;
                double inside = Math.Min(cycle, (period / 2) - cycle);
                inside = cycle > period * 0.75 ? cycle - period : inside;
                return Palette.Value(background.Colors[1]).Mix(first, (float)Math.Clamp(0.5 + inside, 0, 1));
        }
    }

    private static float Coverage(Scene scene, ShapeSpec shape, double x, double y)
    {
        double radius = shape.Radius * scene.Unit;
        double dx = (x - (shape.X * scene.Width)) / radius;
        double dy = (y - (shape.Y * scene.Height)) / radius;
        return (float)Math.Clamp(0.5 - (ShapeGeometry.Distance(shape.Kind, dx, dy) * radius), 0, 1);
    }

    private static byte Level(float value) => (byte)Math.Clamp(MathF.Round(value), 0, 255);
}
