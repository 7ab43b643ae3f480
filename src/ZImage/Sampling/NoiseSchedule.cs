namespace ZImage.Sampling;

/// <summary>The noise levels of a run, from noise to picture.</summary>
public sealed class NoiseSchedule
{
    private readonly float[] sigmas;
    private readonly int trainTimesteps;

    /// <summary>Wraps <paramref name="sigmas"/>: one per step, and the final one.</summary>
    internal NoiseSchedule(float[] sigmas, int trainTimesteps)
    {
        this.sigmas = sigmas;
        this.trainTimesteps = trainTimesteps;
    }

    /// <summary>Network evaluations.</summary>
    public int Steps => sigmas.Length - 1;

    /// <summary>Noise levels in 0..1: one before each step, and the one after the last.</summary>
    public IReadOnlyList<float> Sigmas => sigmas;

    /// <summary>The scheduler's timestep before step <paramref name="step"/>: sigma · 1000.</summary>
    public float Timestep(int step) => sigmas[step] * trainTimesteps;

    /// <summary>The time that the transformer is given at step <paramref name="step"/>: (1000 - timestep) / 1000, 0 at noise and 1 at the picture.</summary>
    public float ModelTime(int step) => (1000 - Timestep(step)) / 1000;

    /// <summary>
    /// What image-to-image runs: the last steps, without the first int(N - min(N · strength, N)).
    /// </summary>
    /// <param name="strength">0 to 1.</param>
    /// <exception cref="InvalidRequestException">Strength outside 0..1, or 0, which leaves no step.</exception>
    public NoiseSchedule Last(double strength)
    {
        if (!(strength >= 0 && strength <= 1))
        {
            throw new InvalidRequestException($"Strength {strength} is outside 0..1.", "0.6 changes a picture moderately; 1 ignores it.");
        }

        int start = (int)Math.Max(Steps - Math.Min(Steps * strength, Steps), 0);
        if (start >= Steps)
        {
            throw new InvalidRequestException(
                $"Strength {strength} leaves none of the {Steps} steps.",
                "Use a strength above 0; at 0 the picture would come back as it is.");
        }

        return new NoiseSchedule(sigmas[start..], trainTimesteps);
    }
}
