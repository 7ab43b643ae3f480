using System.Globalization;
using System.Text;
using ZImage.Imaging;
using ZImage.Posters.Scenes;

namespace ZImage.Posters;

/// <summary>A grid of pictures, and a table with the prompt of each.</summary>
internal static class ContactSheet
{
    private const int Gap = 8;

    /// <summary>The pictures row by row on white, each in the middle of its cell.</summary>
    /// <param name="images">The pictures; cells are as large as the largest.</param>
    /// <param name="columns">Pictures in a row.</param>
    public static ImageBuffer Draw(IReadOnlyList<ImageBuffer> images, int columns)
    {
        int cellWidth = images.Max(image => image.Width) + Gap;
        int cellHeight = images.Max(image => image.Height) + Gap;
        columns = Math.Min(columns, images.Count);
        int rows = (images.Count + columns - 1) / columns;
        int width = (columns * cellWidth) + Gap;
        int height = (rows * cellHeight) + Gap;
        byte[] rgb = new byte[width * height * 3];
        Array.Fill(rgb, byte.MaxValue);
        for (int i = 0; i < images.Count; i++)
        {
            ImageBuffer image = images[i];
            int left = Gap + (i % columns * cellWidth) + ((cellWidth - Gap - image.Width) / 2);
            int top = Gap + (i / columns * cellHeight) + ((cellHeight - Gap - image.Height) / 2);
            for (int y = 0; y < image.Height; y++)
            {
                image.Rgb.AsSpan(y * image.Width * 3, image.Width * 3).CopyTo(rgb.AsSpan((((top + y) * width) + left) * 3));
            }
        }

        return new ImageBuffer(width, height, rgb);
    }

    /// <summary>The prompts in the order of the pictures, as a Markdown table of the same columns.</summary>
    public static string Table(IReadOnlyList<Scene> scenes, int columns)
    {
        columns = Math.Min(columns, scenes.Count);
        StringBuilder table = new();
        table.AppendLine(CultureInfo.InvariantCulture, $"|{string.Concat(Enumerable.Repeat("   |", columns))}");
        table.AppendLine(CultureInfo.InvariantCulture, $"|{string.Concat(Enumerable.Repeat("---|", columns))}");
        foreach (Scene[] row in scenes.Chunk(columns))
        {
            table.Append('|');
            foreach (Scene scene in row)
            {
                table.Append(' ').Append(scene.Caption.Replace("|", "\\|", StringComparison.Ordinal)).Append(" |");
            }

            table.Append(string.Concat(Enumerable.Repeat(" |", columns - row.Length))).AppendLine();
        }

        return table.ToString();
    }
}
