using System.Text;

namespace ZImage.Cli.Commands;

/// <summary>Prompts from the command line and standard input.</summary>
internal static class PromptSource
{
    /// <summary>Replaces <c>-</c> by what standard input holds, without the line end at its end.</summary>
    /// <exception cref="UsageException">More than one <c>-</c>, or bytes that are not UTF-8.</exception>
    public static async Task<IReadOnlyList<string>> ReadAsync(
        IReadOnlyList<string> prompts, CommandContext context, CancellationToken cancellationToken)
    {
        if (prompts.Count(p => p == "-") > 1)
        {
            throw new UsageException("--prompt: standard input (-) can be read once only", "give - once, and the other prompts as text");
        }

        string? input = prompts.Contains("-") ? await ReadInputAsync(context, cancellationToken).ConfigureAwait(false) : null;
        return [.. prompts.Select(p => p == "-" ? input! : p)];
    }

    private static async Task<string> ReadInputAsync(CommandContext context, CancellationToken cancellationToken)
    {
        // Strict: a prompt in another encoding would silently draw something else.
        UTF8Encoding encoding = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
        StreamReader reader = new(context.OpenInput(), encoding, detectEncodingFromByteOrderMarks: false);
        try
        {
            // A read from a terminal cannot be cancelled, so Ctrl-C stops waiting for it.
            string text = await Task.Run(reader.ReadToEnd, CancellationToken.None).WaitAsync(cancellationToken).ConfigureAwait(false);
            text = text.StartsWith('\uFEFF') ? text[1..] : text;
            return text.EndsWith("\r\n", StringComparison.Ordinal) ? text[..^2] : text.EndsWith('\n') ? text[..^1] : text;
        }
        catch (DecoderFallbackException exception)
        {
            throw new UsageException("--prompt: standard input is not UTF-8", "convert it first, for example with iconv", exception);
        }
    }
}
