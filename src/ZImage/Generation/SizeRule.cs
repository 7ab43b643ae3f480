using ZImage.Dit;
using ZImage.Vae;

namespace ZImage.Generation;

/// <summary>The sizes that a model can draw: whole patches of latents, and no more of them than the transformer has positions for.</summary>
/// <param name="Multiple">Width and height are multiples of this.</param>
/// <param name="MaxWidth">Largest width in pixels.</param>
/// <param name="MaxHeight">Largest height in pixels.</param>
/// <param name="Width">The model's own width in pixels.</param>
/// <param name="Height">The model's own height in pixels.</param>
internal readonly record struct SizeRule(int Multiple, int MaxWidth, int MaxHeight, int Width, int Height)
{
    /// <summary>The rule of a model with these parts.</summary>
    public static SizeRule Of(ZImageTransformerConfig transformer, AutoencoderKlConfig vae)
    {
        int multiple = vae.ScaleFactor * ZImageTransformerConfig.PatchSize;
        int side = Math.Max(vae.SampleSize / multiple, 1);
        (int rows, int columns) = (transformer.AxesLens[1], transformer.AxesLens[2]);
        return new SizeRule(multiple, columns * multiple, rows * multiple, Math.Min(side, columns) * multiple, Math.Min(side, rows) * multiple);
    }

    /// <summary>Refuses a size that cannot be drawn.</summary>
    /// <exception cref="InvalidRequestException">No multiple, or too large.</exception>
    public void Check(int width, int height)
    {
        foreach ((string name, int value) in ((string, int)[])[("Width", width), ("Height", height)])
        {
            if (value < Multiple || value % Multiple != 0)
            {
                int below = Math.Max(value / Multiple, 0) * Multiple;
                string nearest = below < Multiple ? $"{Multiple}" : $"{below} or {below + Multiple}";
                throw new InvalidRequestException($"{name} {value} is not a positive multiple of {Multiple}.", $"The nearest valid size is {nearest}.");
            }
        }

        if (height > MaxHeight || width > MaxWidth)
        {
            throw new InvalidRequestException(
                $"{width}x{height} is beyond the {MaxWidth}x{MaxHeight} that the model has positions for.",
                $"Draw at {Width}x{Height}, the model's own size, and enlarge.");
        }
    }
}
