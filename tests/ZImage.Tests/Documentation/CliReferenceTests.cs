using System.Reflection;
using NUnit.Framework;
using ZImage.Cli;
using ZImage.Cli.Commands;
using ZImage.Tests.Support;

namespace ZImage.Tests.Documentation;

/// <summary>docs/cli.md is what the command tree says. ZIMAGE_UPDATE_DOCS=1 writes it anew.</summary>
public sealed class CliReferenceTests
{
    private static string Page => CliReference.Page(CommandTree.Create(new CommandContext
    {
        Out = TextWriter.Null,
        Error = TextWriter.Null,
        OpenInput = () => Stream.Null,
        OpenOutput = () => Stream.Null,
        Engine = new PipelineEngine(),
    }));

    [Test]
    public void The_page_is_what_the_command_tree_says()
    {
        string path = Path.Combine(Repository.Root, "docs", "cli.md");
        if (Environment.GetEnvironmentVariable("ZIMAGE_UPDATE_DOCS") == "1")
        {
            File.WriteAllText(path, Page);
        }

        Assert.That(File.ReadAllText(path).ReplaceLineEndings("\n"), Is.EqualTo(Page.ReplaceLineEndings("\n")), "ZIMAGE_UPDATE_DOCS=1 writes the page anew");
    }

    [Test]
    public void The_page_explains_every_exit_code()
    {
        foreach (FieldInfo code in typeof(ExitCodes).GetFields(BindingFlags.Public | BindingFlags.Static))
        {
            Assert.That(Page, Does.Contain($"\n| {code.GetRawConstantValue()} | "), code.Name);
        }
    }
}
