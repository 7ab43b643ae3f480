using System.Text.RegularExpressions;
using NUnit.Framework;
using ZImage.Imaging;
using ZImage.Tests.Support;

namespace ZImage.Tests.Documentation;

/// <summary>What the README shows is true.</summary>
public sealed partial class ReadmeTests
{
    [Test]
    public void The_five_lines_are_the_ones_that_the_next_test_runs()
    {
        string readme = CSharpBlock().Match(File.ReadAllText(Path.Combine(Repository.Root, "README.md"))).Groups[1].Value;
        string source = File.ReadAllText(Path.Combine(Repository.Root, "tests", "ZImage.Tests", "Documentation", "ReadmeTests.cs"));
        string here = Marked().Match(source).Groups[1].Value;
        Assert.That(Lines(readme), Has.Length.EqualTo(5));
        Assert.That(Lines(readme), Is.EqualTo(Lines(here)));
    }

    [Test]
    [NonParallelizable]
    public async Task The_five_lines_draw_a_picture()
    {
        string folder = Directory.CreateTempSubdirectory("zimage-readme").FullName;
        string before = Environment.CurrentDirectory;
        try
        {
            // The lines run from the repository's root, as the README's commands do; the picture goes to a folder of its own.
            Environment.CurrentDirectory = folder;
            Directory.CreateSymbolicLink("golden", Path.Combine(Repository.Root, "golden"));
            //<readme>
            await using var pipeline = await ZImagePipeline.LoadAsync("golden/checkpoints/tiny-turbo");
            var request = new GenerationRequest("a red circle") { Width = 64, Height = 64, Seed = 42 };
            var progress = new Progress<GenerationProgress>(p => Console.Error.WriteLine($"{p.Stage} {p.Completed}/{p.Total}"));
            var result = await pipeline.GenerateAsync(request, progress, CancellationToken.None);
            File.WriteAllBytes("circle.png", PngWriter.Encode(result.Images[0].Image));
            //</readme>
            ImageBuffer picture = ImageReader.Read("circle.png");
            Assert.That((picture.Width, picture.Height), Is.EqualTo((64, 64)));
            Assert.That(picture.Rgb, Is.EqualTo(result.Images[0].Image.Rgb));
        }
        finally
        {
            Environment.CurrentDirectory = before;
            Directory.Delete(folder, recursive: true);
        }
    }

    [TestCase("README.md")]
    [TestCase("golden/README.md")]
    [TestCase("docs/cli.md")]
    [TestCase("docs/native-libraries.md")]
    [TestCase("docs/miniature.md")]
    [TestCase("docs/performance.md")]
    [TestCase("docs/checkpoints.md")]
    [TestCase("docs/profiling.md")]
    [TestCase("training/README.md")]
    public void Every_link_within_the_repository_leads_somewhere(string page)
    {
        string path = Path.Combine(Repository.Root, page);
        string folder = Path.GetDirectoryName(path)!;
        string[] broken = [.. Link().Matches(File.ReadAllText(path)).Select(match => match.Groups[1].Value)
            .Where(link => !link.Contains("://") && !Path.Exists(Path.Combine(folder, link.Split('#')[0])))];
        Assert.That(broken, Is.Empty);
    }

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    [GeneratedRegex(@"\]\(([^)#][^)]*)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex CSharpBlock();

    [GeneratedRegex(@"//<readme>\n(.*?)//</readme>", RegexOptions.Singleline)]
    private static partial Regex Marked();
}
