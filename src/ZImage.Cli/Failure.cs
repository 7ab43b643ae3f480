using System.Net.Http;

namespace ZImage.Cli;

/// <summary>An error as the user sees it.</summary>
/// <param name="ExitCode">One of <see cref="ExitCodes"/>.</param>
/// <param name="Code">The same as a word, for JSON.</param>
/// <param name="Message">What failed, with which values.</param>
/// <param name="Hint">What to do.</param>
internal sealed record Failure(int ExitCode, string Code, string Message, string? Hint)
{
    /// <summary>The one place that maps exceptions to exit codes.</summary>
    public static Failure From(Exception exception) => exception switch
    {
        AggregateException { InnerExceptions: [Exception only] } => From(only),
        OperationCanceledException => new(ExitCodes.Interrupted, "interrupted", "interrupted; unfinished files were not written", null),
        ModelFormatException model => new(ExitCodes.Model, "model", model.Message, model.Hint),
        KernelCompilationException kernel => new(ExitCodes.Device, "device", kernel.Message, kernel.Hint),
        DeviceMemoryException memory => new(ExitCodes.Memory, "memory", memory.Message, memory.Hint),
        DeviceException device => new(ExitCodes.Device, "device", device.Message, device.Hint),
        HostMemoryException memory => new(ExitCodes.Memory, "memory", memory.Message, memory.Hint),
        OutOfMemoryException => new(
            ExitCodes.Memory, "memory", "out of memory", "draw a smaller picture or fewer at once; `zimage info` tells what a run needs"),
        HttpRequestException network => new(ExitCodes.Network, "network", network.Message, "check the connection and try again"),

        // Whatever else the engine raises on purpose is about what was asked for or about a file that was named.
        ZImageException request => new(ExitCodes.Usage, "usage", request.Message, request.Hint),
        IOException or UnauthorizedAccessException => new(
            ExitCodes.Usage, "usage", exception.Message, "check the path, its permissions and the free space"),
        _ => new(
            ExitCodes.Bug,
            "bug",
            $"unexpected failure: {exception.GetType().Name}: {exception.Message}",
            "this is a fault of zimage; please report it with the command line and what ZIMAGE_DEBUG=1 prints"),
    };

    /// <summary>Writes the error to standard error: two lines of text, or one line of JSON.</summary>
    public void Write(CommandContext context, Exception exception, bool asJson)
    {
        if (asJson)
        {
            context.Error.WriteLine(CliJson.Line(new ErrorJson(new ErrorBody(Code, Message, Hint)), CliJson.Default.ErrorJson));
        }
        else
        {
            context.Error.WriteLine($"error: {Message}");
            if (Hint is not null)
            {
                context.Error.WriteLine($"hint: {Hint}");
            }
        }

        if (ExitCode != ExitCodes.Interrupted && context.Environment("ZIMAGE_DEBUG") == "1")
        {
            context.Error.WriteLine(exception);
        }
    }
}
