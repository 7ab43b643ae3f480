namespace ZImage.Posters.Reading;

/// <summary>How much of a colour lies over the background at each pixel, 0 to 1, with mean values over squares.</summary>
internal sealed class InkMap
{
    /// <summary>A colour nearer to the background than this cannot be told from it.</summary>
    private const float Contrast = 30;

    /// <summary>A pixel this far off the line between background and colour is something else.</summary>
    private const float OffLine = 90;

    private readonly float[] ink;
    private readonly int width;

    public InkMap(Picture picture, BackgroundReading background, Rgb color)
    {
        width = picture.Width;
        ink = new float[picture.Count];
        for (int i = 0; i < ink.Length; i++)
        {
            Rgb under = background.At(i % width, i / width);
            Rgb line = color - under;
            float length = line.Dot(line);
            if (length > Contrast * Contrast)
            {
                Rgb pixel = picture[i] - under;
                float share = Math.Clamp(pixel.Dot(line) / length, 0, 1);
                float off = pixel.Distance(line * share);
                ink[i] = share * Math.Clamp(2 - (2 * off / OffLine), 0, 1);
            }
        }
    }

    /// <summary>The ink at a point, bilinear between pixels' centres; 0 outside.</summary>
    public float At(double x, double y) => Bilinear.At(ink, width, x, y);

    /// <summary>Mean ink of the squares of a grid, row by row.</summary>
    /// <param name="left">Left edge of the grid.</param>
    /// <param name="top">Its upper edge.</param>
    /// <param name="step">Side of a square.</param>
    /// <param name="columns">Squares in a row.</param>
    /// <param name="rows">Rows.</param>
    public float[] Grid(double left, double top, double step, int columns, int rows)
    {
        // Enough points that no pixel of a larger square is missed.
        int samples = Math.Max((int)Math.Ceiling(step), 1);
        float[] grid = new float[columns * rows];
        for (int i = 0; i < grid.Length; i++)
        {
            float sum = 0;
            for (int s = 0; s < samples * samples; s++)
            {
                double x = left + (((i % columns) + (((s % samples) + 0.5) / samples)) * step);
                double y = top + (((i / columns) + (((s / samples) + 0.5) / samples)) * step);
                sum += At(x, y);
            }

            grid[i] = sum / (samples * samples);
        }

        return grid;
    }
}
