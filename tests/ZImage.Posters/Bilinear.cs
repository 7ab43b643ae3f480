namespace ZImage.Posters;

/// <summary>Reading between the centres of pixels.</summary>
internal static class Bilinear
{
    /// <summary>The value at a point of a plane of numbers, bilinear between the pixels' centres; 0 outside.</summary>
    /// <param name="plane">Rows one after the other.</param>
    /// <param name="width">Pixels in a row.</param>
    /// <param name="x">In pixels, from the left edge.</param>
    /// <param name="y">In pixels, from the upper edge.</param>
    public static float At(float[] plane, int width, double x, double y)
    {
        int height = plane.Length / width;
        double fx = Math.Floor(x - 0.5);
        double fy = Math.Floor(y - 0.5);
        (int column, int row) = ((int)fx, (int)fy);
        (float tx, float ty) = ((float)(x - 0.5 - fx), (float)(y - 0.5 - fy));
        float top = (Pixel(column, row) * (1 - tx)) + (Pixel(column + 1, row) * tx);
        float bottom = (Pixel(column, row + 1) * (1 - tx)) + (Pixel(column + 1, row + 1) * tx);
        return (top * (1 - ty)) + (bottom * ty);

        float Pixel(int px, int py) => (uint)px < (uint)width && (uint)py < (uint)height ? plane[(py * width) + px] : 0;
    }
}
