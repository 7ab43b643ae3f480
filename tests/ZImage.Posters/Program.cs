using System.CommandLine;
using ZImage;
using ZImage.Posters;

// Scores of the miniature model: draws captions with the engine, reads the pictures, and tells what is right.
//   posters check --scenes training/heldout.jsonl --images DIR       judges pictures that are there: 0001.png for the first scene
//   posters draw --scenes training/heldout.jsonl -m models/nano      draws them and judges
//   posters render --scenes training/heldout.jsonl --out DIR         draws the truth
//   posters report docs/measurements/posters-*.json                  prints summaries as one table
RootCommand root = new("Checks pictures of the miniature model against what their captions say") { PosterCommands.Check(), PosterCommands.Draw(), PosterCommands.Render(), PosterCommands.Table() };
try
{
    return await root.Parse(args).InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false }).ConfigureAwait(false);
}
catch (ZImageException exception)
{
    Console.Error.WriteLine($"error: {exception.Message}");
    if (exception.Hint is { } hint)
    {
        Console.Error.WriteLine($"hint: {hint}");
    }

    return 2;
}
