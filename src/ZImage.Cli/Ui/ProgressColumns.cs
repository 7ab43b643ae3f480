using System.Globalization;
using Spectre.Console;
using Spectre.Console.Rendering;
using Label = Spectre.Console.Text;

namespace ZImage.Cli.Ui;

/// <summary>Finished and all parts: <c>3/8</c>.</summary>
internal sealed class CountColumn : ProgressColumn
{
    /// <inheritdoc/>
    public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) =>
        new Label(string.Create(CultureInfo.InvariantCulture, $"{(int)task.Value}/{(int)task.MaxValue}"));
}

/// <summary>Seconds per part, over the whole stage.</summary>
internal sealed class RateColumn : ProgressColumn
{
    /// <inheritdoc/>
    public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) =>
        new Label(task.Value >= 1 && task.ElapsedTime is TimeSpan elapsed
            ? string.Create(CultureInfo.InvariantCulture, $"{elapsed.TotalSeconds / task.Value:F2} s/it")
            : "");
}

/// <summary>Time that is left, if the parts to come take as long as those so far.</summary>
internal sealed class RemainingColumn : ProgressColumn
{
    /// <inheritdoc/>
    public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime)
    {
        if (task.Value < 1 || task.IsFinished || task.ElapsedTime is not TimeSpan elapsed)
        {
            return new Label("");
        }

        TimeSpan left = elapsed / task.Value * (task.MaxValue - task.Value);
        return new Label(left.ToString(left.TotalHours >= 1 ? @"h\:mm\:ss" : @"m\:ss", CultureInfo.InvariantCulture) + " left");
    }
}
