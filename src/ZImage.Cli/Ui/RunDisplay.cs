using System.Globalization;
using Spectre.Console;

namespace ZImage.Cli.Ui;

/// <summary>How a run shows that it lives.</summary>
internal enum DisplayStyle
{
    /// <summary>Nothing.</summary>
    Silent,

    /// <summary>A line per finished stage, for logs.</summary>
    Lines,

    /// <summary>Bars on a terminal.</summary>
    Bars,
}

/// <summary>Shows the progress of a run on standard error. Reports come in on the engine's thread.</summary>
internal abstract class RunDisplay : IProgress<GenerationProgress>
{
    /// <summary>The style that fits the terminal and the options.</summary>
    public static DisplayStyle StyleFor(CommandContext context, bool quiet, bool json) =>
        quiet || json ? DisplayStyle.Silent : context.IsErrorTerminal ? DisplayStyle.Bars : DisplayStyle.Lines;

    /// <summary>Runs <paramref name="work"/> with a display; the display is gone when this returns.</summary>
    public static Task<T> RunAsync<T>(CommandContext context, DisplayStyle style, Func<RunDisplay, Task<T>> work)
    {
        if (style != DisplayStyle.Bars)
        {
            return work(style == DisplayStyle.Lines ? new LineDisplay(context.Error) : new SilentDisplay());
        }

        return StandardErrorConsole.Create(context)
            .Progress()
            .AutoClear(true)
            .Columns(
                new TaskDescriptionColumn { Alignment = Justify.Left },
                new ProgressBarColumn { Width = Math.Clamp(context.Width - 60, 10, 40) },
                new CountColumn(),
                new RateColumn(),
                new RemainingColumn())
            .StartAsync(progress => work(new BarDisplay(progress)));
    }

    /// <summary>The checkpoint is being loaded.</summary>
    public abstract void Loading(string model);

    /// <summary>It is loaded.</summary>
    public abstract void Loaded(TimeSpan elapsed);

    /// <inheritdoc/>
    public abstract void Report(GenerationProgress value);

    /// <summary>A stage's name for people.</summary>
    protected static string Name(GenerationStage stage) => stage switch
    {
        GenerationStage.TextEncoder => "encode prompt",
        GenerationStage.ImageEncoder => "encode picture",
        GenerationStage.Denoising => "step",
        _ => "decode",
    };

    private sealed class SilentDisplay : RunDisplay
    {
        public override void Loading(string model)
        {
        }

        public override void Loaded(TimeSpan elapsed)
        {
        }

        public override void Report(GenerationProgress value)
        {
        }
    }

    private sealed class LineDisplay(TextWriter error) : RunDisplay
    {
        public override void Loading(string model) => error.WriteLine($"load {model}");

        public override void Loaded(TimeSpan elapsed) =>
            error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"loaded in {elapsed.TotalSeconds:F1} s"));

        public override void Report(GenerationProgress value)
        {
            if (value.Completed == value.Total && value.Total > 0)
            {
                error.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{Name(value.Stage)} {value.Completed}/{value.Total}, {value.Elapsed.TotalSeconds:F1} s since the start"));
            }
        }
    }

    private sealed class BarDisplay(ProgressContext progress) : RunDisplay
    {
        private readonly Dictionary<GenerationStage, ProgressTask> stages = [];
        private ProgressTask? load;

        public override void Loading(string model)
        {
            load = progress.AddTask("load model", maxValue: 1);
            load.IsIndeterminate = true;
        }

        public override void Loaded(TimeSpan elapsed)
        {
            if (load is not null)
            {
                load.IsIndeterminate = false;
                load.Value = 1;
            }
        }

        public override void Report(GenerationProgress value)
        {
            if (!stages.TryGetValue(value.Stage, out ProgressTask? task))
            {
                stages[value.Stage] = task = progress.AddTask(Name(value.Stage), maxValue: Math.Max(1, value.Total));
            }

            task.Value = value.Completed;
        }
    }
}
