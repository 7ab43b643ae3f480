namespace ZImage.Posters.Reading;

/// <summary>Normalised correlation: 1 for the same picture in any contrast, about 0 for unrelated ones.</summary>
internal static class Correlation
{
    /// <summary>The correlation of a template with a window of a grid.</summary>
    /// <param name="template">The template with mean 0 and norm 1 (see <see cref="Normalise"/>), row by row.</param>
    /// <param name="templateWidth">Its columns.</param>
    /// <param name="grid">The grid, row by row.</param>
    /// <param name="gridWidth">Its columns.</param>
    /// <param name="left">The window's first column.</param>
    /// <param name="top">The window's first row.</param>
    public static float Of(float[] template, int templateWidth, float[] grid, int gridWidth, int left, int top)
    {
        int rows = template.Length / templateWidth;
        float sum = 0, squares = 0, both = 0;
        for (int y = 0; y < rows; y++)
        {
            ReadOnlySpan<float> line = grid.AsSpan(((top + y) * gridWidth) + left, templateWidth);
            ReadOnlySpan<float> wanted = template.AsSpan(y * templateWidth, templateWidth);
            for (int x = 0; x < line.Length; x++)
            {
                float value = line[x];
                sum += value;
                squares += value * value;
                both += value * wanted[x];
            }
        }

        // The template's mean is 0, so the window's mean takes no part in the product.
        float variance = squares - (sum * sum / template.Length);
        return variance < 1e-3f * template.Length ? 0 : both / MathF.Sqrt(variance);
    }

    /// <summary>Shifts to mean 0 and scales to norm 1; all zeros where every value is the same.</summary>
    public static float[] Normalise(float[] values)
    {
        float mean = values.Average();
        float norm = MathF.Sqrt(values.Sum(v => (v - mean) * (v - mean)));
        return norm < 1e-6f ? new float[values.Length] : [.. values.Select(v => (v - mean) / norm)];
    }
}
