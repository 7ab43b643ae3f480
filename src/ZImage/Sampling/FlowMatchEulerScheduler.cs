namespace ZImage.Sampling;

/// <summary>
/// The noise levels of a run (FlowMatchEulerDiscreteScheduler): an even spacing or the caller's own sigmas, shifted towards noise, with a final 0 appended.
/// </summary>
public sealed class FlowMatchEulerScheduler
{
    private readonly SchedulerConfig config;

    /// <summary>Creates the scheduler of a checkpoint.</summary>
    public FlowMatchEulerScheduler(SchedulerConfig config) => this.config = config;

    /// <summary>The schedule of a run.</summary>
    /// <param name="steps">Network evaluations.</param>
    /// <param name="imageTokens">Image tokens of one picture, which dynamic shifting looks at.</param>
    /// <param name="customSigmas">Noise levels before shifting instead of the even spacing; overrides <paramref name="steps"/>.</param>
    /// <exception cref="InvalidRequestException">No step, or custom sigmas that do not fall from at most 1 to above 0.</exception>
    public NoiseSchedule Create(int steps, int imageTokens, IReadOnlyList<float>? customSigmas = null)
    {
        float[] sigmas = customSigmas is null ? EvenSigmas(steps) : CheckedSigmas(customSigmas);
        if (config.UseDynamicShifting)
        {
            DynamicShift(sigmas, Mu(imageTokens));
        }
        else
        {
            float shift = (float)config.Shift;
            float excess = (float)(config.Shift - 1);
            for (int i = 0; i < sigmas.Length; i++)
            {
                sigmas[i] = shift * sigmas[i] / (1 + (excess * sigmas[i]));
            }
        }

        if (config.ShiftTerminal is { } terminal)
        {
            float scale = (1 - sigmas[^1]) / (float)(1 - terminal);
            for (int i = 0; i < sigmas.Length; i++)
            {
                sigmas[i] = 1 - ((1 - sigmas[i]) / scale);
            }
        }

        if (config.UseKarrasSigmas)
        {
            Respace(sigmas, s => Math.Pow(s, 1 / 7.0), r => Math.Pow(r, 7.0));
        }
        else if (config.UseExponentialSigmas)
        {
            Respace(sigmas, Math.Log, Math.Exp);
        }

        return new NoiseSchedule([.. sigmas, 0], config.TrainTimestepCount);
    }

    /// <summary>The spacing of the Z-Image pipeline: from 1 to 1/steps in even steps, computed from both ends to the middle.</summary>
    private static float[] EvenSigmas(int steps)
    {
        if (steps < 1)
        {
            throw new InvalidRequestException($"{steps} steps: a picture needs at least one.", "Ask for 1 step or more; the Turbo model is made for 8.");
        }

        float[] sigmas = new float[steps];
        float end = (float)(1.0 / steps);
        float step = steps == 1 ? 0 : (end - 1) / (steps - 1);
        for (int i = 0; i < steps; i++)
        {
            sigmas[i] = i < steps / 2 ? 1 + (step * i) : end - (step * (steps - i - 1));
        }

        return steps == 1 ? [1] : sigmas;
    }

    private static float[] CheckedSigmas(IReadOnlyList<float> sigmas)
    {
        float previous = float.PositiveInfinity;
        foreach (float sigma in sigmas)
        {
            if (!(sigma > 0) || sigma > 1 || sigma >= previous)
            {
                throw new InvalidRequestException(
                    $"Sigmas [{string.Join(", ", sigmas)}] do not fall strictly from at most 1 to above 0.",
                    "Give noise levels such as 1,0.75,0.5,0.25; the final 0 is added for you.");
            }

            previous = sigma;
        }

        return sigmas.Count > 0 ? [.. sigmas] : throw new InvalidRequestException("No sigmas were given.", "Give at least one noise level, such as 1.");
    }

    /// <summary>Linear in the number of image tokens between (base_image_seq_len, base_shift) and (max_image_seq_len, max_shift).</summary>
    private double Mu(int imageTokens)
    {
        double slope = (config.MaxShift - config.BaseShift) / (config.MaxImageTokens - config.BaseImageTokens);
        return (imageTokens * slope) + (config.BaseShift - (slope * config.BaseImageTokens));
    }

    private void DynamicShift(float[] sigmas, double mu)
    {
        float factor = (float)(config.TimeShiftType == TimeShiftType.Linear ? mu : Math.Exp(mu));
        for (int i = 0; i < sigmas.Length; i++)
        {
            sigmas[i] = factor / (factor + ((1 / sigmas[i]) - 1));
        }
    }

    /// <summary>Spreads the levels evenly in another measure between the first and the last one.</summary>
    private static void Respace(float[] sigmas, Func<double, double> measure, Func<double, double> inverse)
    {
        double first = measure(sigmas[0]);
        double last = measure(sigmas[^1]);
        for (int i = 0; i < sigmas.Length; i++)
        {
            double ramp = sigmas.Length == 1 ? 0 : (double)i / (sigmas.Length - 1);
            sigmas[i] = (float)inverse(first + (ramp * (last - first)));
        }
    }
}
