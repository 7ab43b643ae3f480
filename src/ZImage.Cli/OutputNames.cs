namespace ZImage.Cli;

/// <summary>The names of a request's pictures.</summary>
internal static class OutputNames
{
    /// <summary>One path for each picture from <paramref name="first"/> on.</summary>
    /// <exception cref="InvalidRequestException">An unknown field in the name, or another extension than .png.</exception>
    /// <exception cref="UsageException">A field that only the model could fill in.</exception>
    public static IReadOnlyList<string> For(string? output, GenerationRequest request, int first, int pictures)
    {
        // A folder that is there is meant, with a separator behind it or not: beside it nobody looks for a picture.
        if (output is not null && Directory.Exists(output) && !Path.EndsInDirectorySeparator(output))
        {
            output += Path.DirectorySeparatorChar;
        }

        if (output is not null
            && ((request.Width is null && output.Contains("{width", StringComparison.Ordinal))
                || (request.Height is null && output.Contains("{height", StringComparison.Ordinal))))
        {
            throw new UsageException($"--output: '{output}' names the size, which is not known before the model is loaded", "give -W and -H");
        }

        PictureFacts[] facts = [.. Enumerable.Range(first, pictures).Select(i => new PictureFacts(
            request.Prompts[i / request.ImagesPerPrompt],
            request.Seed!.Value,
            request.Width ?? 0,
            request.Height ?? 0,
            i / request.ImagesPerPrompt,
            i))];
        return OutputNaming.Paths(output, facts, File.Exists);
    }
}
