namespace ZImage.Posters.Reading;

/// <summary>Cuts a picture into regions of one colour each, without knowing what should be there.</summary>
internal static class ObjectFinder
{
    /// <summary>How far a pixel is from the background where it belongs to something else.</summary>
    private const float Foreground = 40;

    /// <summary>The least area of a region in squares of the shorter side: a third of the smallest shape's.</summary>
    private const double LeastArea = 0.0028;

    /// <summary>Rounds in which regions take the smoothed pixels at their edges.</summary>
    private const int EdgePixels = 2;

    /// <summary>As many regions as are looked at: three shapes and what went wrong.</summary>
    private const int Most = 10;

    /// <summary>The largest regions, the largest first.</summary>
    /// <param name="picture">The picture.</param>
    /// <param name="background">Its background.</param>
    /// <param name="isExcluded">Pixels to leave out: the text.</param>
    public static IReadOnlyList<PixelObject> Find(Picture picture, BackgroundReading background, Func<int, int, bool> isExcluded)
    {
        const sbyte Empty = -1;
        const sbyte Background = sbyte.MaxValue;
        sbyte[] colors = new sbyte[picture.Count];
        float[] fromBackground = new float[picture.Count];
        for (int i = 0; i < colors.Length; i++)
        {
            (int x, int y) = (i % picture.Width, i / picture.Width);
            fromBackground[i] = background.Fits ? picture[i].Distance(background.At(x, y)) : float.MaxValue;
            colors[i] = isExcluded(x, y) ? Empty : fromBackground[i] > Foreground ? (sbyte)Palette.Nearest(picture[i]) : Background;
        }

        int least = (int)(LeastArea * picture.Unit * picture.Unit);
        // A shape in another may have a colour of the background: what does not reach the picture's edge is looked at by its colour too.
        bool[] isEnclosed = new bool[picture.Count];
        foreach (List<int> region in Regions(colors, picture.Width, Empty).Where(region => colors[region[0]] == Background && IsEnclosed(region)))
        {
            region.ForEach(i => isEnclosed[i] = true);
        }

        for (int i = 0; i < colors.Length; i++)
        {
            colors[i] = colors[i] != Background ? colors[i] : isEnclosed[i] ? (sbyte)Palette.Nearest(picture[i]) : Empty;
        }

        DropLines(colors, picture.Width, Empty);
        List<List<int>> regions = [.. Regions(colors, picture.Width, Empty).Where(region => region.Count >= least)];
        bool[] isHole = [.. regions.Select(region => region.Count(i => isEnclosed[i]) > 0.9 * region.Count)];
        int[] owner = new int[picture.Count];
        Array.Fill(owner, -1);
        for (int r = 0; r < regions.Count; r++)
        {
            regions[r].ForEach(i => owner[i] = r);
        }

        Rgb[] values = [.. regions.Select(picture.Median)];
        for (int round = 0; round < EdgePixels; round++)
        {
            TakeEdges(picture, colors, fromBackground, regions, owner, values);
        }

        return [.. regions.Select((region, r) => new PixelObject(region, picture, isHole[r])).OrderByDescending(region => region.Pixels.Count).Take(Most)];

        bool IsEnclosed(List<int> region) => region.TrueForAll(i =>
            i % picture.Width is int x && x > 0 && x < picture.Width - 1 && i >= picture.Width && i + picture.Width < picture.Count);
    }

    /// <summary>
    /// Leaves out what is less than three pixels wide: where two colours meet, a line of a third may lie between them, and it would tie to a shape
    /// what is no part of it.
    /// </summary>
    private static void DropLines(sbyte[] colors, int width, sbyte empty)
    {
        const int Side = 3;
        int height = colors.Length / width;
        bool[] keep = new bool[colors.Length];
        for (int y = 0; y + Side <= height; y++)
        {
            for (int x = 0; x + Side <= width; x++)
            {
                int at = (y * width) + x;
                sbyte color = colors[at];
                bool isWhole = color != empty;
                for (int i = 0; i < Side && isWhole; i++)
                {
                    isWhole = !colors.AsSpan(at + (i * width), Side).ContainsAnyExcept(color);
                }

                for (int i = 0; i < Side && isWhole; i++)
                {
                    keep.AsSpan(at + (i * width), Side).Fill(true);
                }
            }
        }

        for (int i = 0; i < colors.Length; i++)
        {
            colors[i] = keep[i] ? colors[i] : empty;
        }
    }

    /// <summary>A smoothed pixel is the neighbouring region's where it is nearer to the region's colour than to the background.</summary>
    private static void TakeEdges(Picture picture, sbyte[] colors, float[] fromBackground, List<List<int>> regions, int[] owner, Rgb[] values)
    {
        List<(int Pixel, int Region)> taken = [];
        for (int i = 0; i < owner.Length; i++)
        {
            if (owner[i] >= 0)
            {
                continue;
            }

            int best = -1;
            float least = fromBackground[i];
            foreach (int n in Neighbours(i, picture.Width, owner.Length))
            {
                if (owner[n] >= 0 && picture[i].Distance(values[owner[n]]) is float distance && distance < least)
                {
                    (best, least) = (owner[n], distance);
                }
            }

            if (best >= 0)
            {
                taken.Add((i, best));
            }
        }

        foreach ((int pixel, int region) in taken)
        {
            owner[pixel] = region;
            regions[region].Add(pixel);
            colors[pixel] = colors[regions[region][0]];
        }
    }

    private static IEnumerable<List<int>> Regions(sbyte[] colors, int width, sbyte empty)
    {
        bool[] seen = new bool[colors.Length];
        Stack<int> open = [];
        for (int start = 0; start < colors.Length; start++)
        {
            if (seen[start] || colors[start] == empty)
            {
                continue;
            }

            List<int> region = [];
            seen[start] = true;
            open.Push(start);
            while (open.TryPop(out int i))
            {
                region.Add(i);
                foreach (int n in Neighbours(i, width, colors.Length))
                {
                    if (!seen[n] && colors[n] == colors[start])
                    {
                        seen[n] = true;
                        open.Push(n);
                    }
                }
            }

            yield return region;
        }
    }

    private static IEnumerable<int> Neighbours(int i, int width, int count)
    {
        int x = i % width;
        if (x > 0)
        {
            yield return i - 1;
        }

        if (x < width - 1)
        {
            yield return i + 1;
        }

        if (i >= width)
        {
            yield return i - width;
        }

        if (i + width < count)
        {
            yield return i + width;
        }
    }
}
