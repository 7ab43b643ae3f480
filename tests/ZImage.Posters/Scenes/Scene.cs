namespace ZImage.Posters.Scenes;

/// <summary>A poster as its caption's structure tells it: places in fractions of width and height, lengths in fractions of the shorter side.</summary>
internal sealed record Scene
{
    public required string Caption { get; init; }

    /// <summary>"en" or "zh".</summary>
    public required string Language { get; init; }

    public required int Width { get; init; }

    public required int Height { get; init; }

    public required Background Background { get; init; }

    public required IReadOnlyList<ShapeSpec> Shapes { get; init; }

    /// <summary>The text; null for none.</summary>
    public TextSpec? Text { get; init; }

    /// <summary>The unit of lengths, in pixels.</summary>
    public int Unit => Math.Min(Width, Height);
}

/// <summary>How the background's colours are laid out.</summary>
internal enum BackgroundKind
{
    Plain,
    Gradient,
    Stripes,
}

/// <summary>A gradient's direction of change, or the direction in which stripes run.</summary>
internal enum Direction
{
    None,
    Horizontal,
    Vertical,
    Diagonal,
}

/// <summary>The background.</summary>
/// <param name="Kind">Its layout.</param>
/// <param name="Colors">One colour, or two; a gradient's first is at the top or left.</param>
/// <param name="Direction">None for plain.</param>
/// <param name="Stated">Whether the caption tells it.</param>
internal sealed record Background(BackgroundKind Kind, IReadOnlyList<PosterColor> Colors, Direction Direction, bool Stated);

/// <summary>What a caption can tell of a shape or of the text.</summary>
[Flags]
internal enum Stated
{
    None = 0,
    Kind = 1,
    Color = 2,
    Place = 4,
    Size = 8,
    Text = 16,
}

/// <summary>One shape.</summary>
/// <param name="Kind">Its form.</param>
/// <param name="Color">Its colour.</param>
/// <param name="X">Centre, in widths.</param>
/// <param name="Y">Centre, in heights.</param>
/// <param name="Radius">Half extent, in units of the shorter side.</param>
/// <param name="Stated">What the caption tells.</param>
/// <param name="Inside">Index of the shape that it lies in; null for none.</param>
internal sealed record ShapeSpec(ShapeKind Kind, PosterColor Color, double X, double Y, double Radius, Stated Stated, int? Inside);

/// <summary>A line of text.</summary>
/// <param name="Characters">Its characters, one string each.</param>
/// <param name="Color">Its colour.</param>
/// <param name="X">Centre, in widths.</param>
/// <param name="Y">Centre, in heights.</param>
/// <param name="Height">Height of a character's cell, in units of the shorter side.</param>
/// <param name="Stated">What the caption tells.</param>
internal sealed record TextSpec(IReadOnlyList<string> Characters, PosterColor Color, double X, double Y, double Height, Stated Stated);
