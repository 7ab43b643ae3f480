namespace ZImage.Dit;

/// <summary>
/// Rotary tables of the S3-DiT: three axes (text or picture order, row, column), each with its share of the head.
/// Angles are position · theta^(-2i/d), multiplied in float64 and rounded to float32 before sine and cosine.
/// </summary>
internal sealed class RopeEmbedder
{
    private readonly double[][] frequencies;
    private readonly IReadOnlyList<int> axesLens;

    /// <summary>Creates the tables' generator.</summary>
    /// <param name="theta">Base of the frequencies.</param>
    /// <param name="axesDims">Head elements per axis; each even.</param>
    /// <param name="axesLens">Positions per axis.</param>
    public RopeEmbedder(double theta, IReadOnlyList<int> axesDims, IReadOnlyList<int> axesLens)
    {
        this.axesLens = axesLens;
        frequencies = new double[axesDims.Count][];
        for (int axis = 0; axis < frequencies.Length; axis++)
        {
            frequencies[axis] = new double[axesDims[axis] / 2];
            for (int i = 0; i < frequencies[axis].Length; i++)
            {
                frequencies[axis][i] = 1.0 / Math.Pow(theta, 2.0 * i / axesDims[axis]);
            }
        }
    }

    /// <summary>Half the head dimension: table columns.</summary>
    public int Width => frequencies.Sum(axis => axis.Length);

    /// <summary>Writes the row of position (<paramref name="t"/>, <paramref name="row"/>, <paramref name="column"/>).</summary>
    /// <exception cref="InvalidRequestException">The model was made for fewer positions.</exception>
    public void Write(int t, int row, int column, Span<float> cos, Span<float> sin)
    {
        ReadOnlySpan<int> position = [t, row, column];
        int at = 0;
        for (int axis = 0; axis < frequencies.Length; axis++)
        {
            if (position[axis] >= axesLens[axis])
            {
                throw new InvalidRequestException(
                    $"Position {position[axis]} is beyond the {axesLens[axis]} that this model's axis {axis} has (axes_lens).",
                    axis == 0 ? "Use a shorter prompt." : "Draw a smaller picture.");
            }

            foreach (double frequency in frequencies[axis])
            {
                float angle = (float)(position[axis] * frequency);
                cos[at] = MathF.Cos(angle);
                sin[at] = MathF.Sin(angle);
                at++;
            }
        }
    }
}
