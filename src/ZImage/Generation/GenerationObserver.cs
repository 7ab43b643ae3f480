using System.Diagnostics;
using System.Threading.Channels;

namespace ZImage.Generation;

/// <summary>Passes on what happens in a run: to a progress callback, to an event stream, or to nobody.</summary>
/// <param name="progress">Called on the engine's thread.</param>
/// <param name="events">Receives the events.</param>
internal sealed class GenerationObserver(IProgress<GenerationProgress>? progress, ChannelWriter<GenerationEvent>? events)
{
    private readonly long start = Stopwatch.GetTimestamp();

    /// <summary>A part of a stage is done; 0 of <paramref name="total"/> announces the stage.</summary>
    public void Report(GenerationStage stage, int completed, int total)
    {
        GenerationProgress now = new(stage, completed, total, Stopwatch.GetElapsedTime(start));
        progress?.Report(now);
        events?.TryWrite(new GenerationEvent.Progressed(now));
    }

    /// <summary>A picture is ready.</summary>
    public void Report(GeneratedImage image) => events?.TryWrite(new GenerationEvent.ImageReady(image));
}
