using ZImage.Weights;

namespace ZImage.Sampling;

/// <summary>The fields of a <c>FlowMatchEulerDiscreteScheduler</c>'s scheduler_config.json with the defaults of diffusers.</summary>
public sealed record SchedulerConfig
{
    private SchedulerConfig()
    {
    }

    /// <summary>num_train_timesteps: the time at sigma 1.</summary>
    public int TrainTimestepCount { get; private init; }

    /// <summary>shift: s becomes shift·s / (1 + (shift - 1)·s); not used with <see cref="UseDynamicShifting"/>.</summary>
    public double Shift { get; private init; }

    /// <summary>use_dynamic_shifting: whether the shift follows the number of image tokens.</summary>
    public bool UseDynamicShifting { get; private init; }

    /// <summary>base_shift: mu at <see cref="BaseImageTokens"/>.</summary>
    public double BaseShift { get; private init; }

    /// <summary>max_shift: mu at <see cref="MaxImageTokens"/>.</summary>
    public double MaxShift { get; private init; }

    /// <summary>base_image_seq_len: image tokens at which mu is <see cref="BaseShift"/>.</summary>
    public int BaseImageTokens { get; private init; }

    /// <summary>max_image_seq_len: image tokens at which mu is <see cref="MaxShift"/>.</summary>
    public int MaxImageTokens { get; private init; }

    /// <summary>shift_terminal: the last sigma that the schedule is stretched to; null (or 0 in the file) for none.</summary>
    public double? ShiftTerminal { get; private init; }

    /// <summary>time_shift_type: how mu shifts under <see cref="UseDynamicShifting"/>.</summary>
    public TimeShiftType TimeShiftType { get; private init; }

    /// <summary>use_karras_sigmas: the spacing of Karras et al. between the first and the last sigma.</summary>
    public bool UseKarrasSigmas { get; private init; }

    /// <summary>use_exponential_sigmas: even spacing of the logarithms between the first and the last sigma.</summary>
    public bool UseExponentialSigmas { get; private init; }

    /// <summary>Reads scheduler/scheduler_config.json.</summary>
    /// <exception cref="ModelFormatException">A field is of the wrong type or out of range, or asks for what the engine does not do.</exception>
    internal static SchedulerConfig Read(ConfigReader config)
    {
        config.RequireClass("FlowMatchEulerDiscreteScheduler");
        foreach (string key in (ReadOnlySpan<string>)["invert_sigmas", "use_beta_sigmas", "stochastic_sampling"])
        {
            if (config.Boolean(key, false))
            {
                throw config.Error(key, "is true, which is not supported", "Set it to false, as in every published Z-Image model.");
            }
        }

        string type = config.OptionalString("time_shift_type") ?? "exponential";
        double terminal = config.Number("shift_terminal", 0, 0, 0.999);
        SchedulerConfig result = new()
        {
            TrainTimestepCount = config.Int32("num_train_timesteps", 1000, 1, 1 << 24),
            Shift = config.Number("shift", 1, 1e-3, 1e3),
            UseDynamicShifting = config.Boolean("use_dynamic_shifting", false),
            BaseShift = config.Number("base_shift", 0.5, -100, 100),
            MaxShift = config.Number("max_shift", 1.15, -100, 100),
            BaseImageTokens = config.Int32("base_image_seq_len", 256, 1, 1 << 24),
            MaxImageTokens = config.Int32("max_image_seq_len", 4096, 1, 1 << 24),
            ShiftTerminal = terminal == 0 ? null : terminal,
            TimeShiftType = type switch
            {
                "exponential" => TimeShiftType.Exponential,
                "linear" => TimeShiftType.Linear,
                _ => throw config.Error("time_shift_type", $"is '{SafetensorsHeader.Show(type)}'; expected is 'exponential' or 'linear'"),
            },
            UseKarrasSigmas = config.Boolean("use_karras_sigmas", false),
            UseExponentialSigmas = config.Boolean("use_exponential_sigmas", false),
        };
        if (result.UseKarrasSigmas && result.UseExponentialSigmas)
        {
            throw config.Error("use_exponential_sigmas", "and use_karras_sigmas are both true; at most one can be");
        }

        if (result.UseDynamicShifting && result.MaxImageTokens == result.BaseImageTokens)
        {
            throw config.Error("max_image_seq_len", $"and base_image_seq_len are both {result.MaxImageTokens}; the shift has no slope then");
        }

        return result;
    }
}

/// <summary>How mu shifts a sigma s under dynamic shifting, with m = e^mu or mu: m / (m + (1/s - 1)).</summary>
public enum TimeShiftType
{
    /// <summary>m = e^mu.</summary>
    Exponential,

    /// <summary>m = mu.</summary>
    Linear,
}
