using NUnit.Framework;
namespace ZImage.Tests.Cli;

[TestFixture]
internal sealed class StandardInputTests
{
    private CliRunner cli = null!;

    [SetUp]
    public void SetUp() => cli = new CliRunner();

    [TearDown]
    public void TearDown() => cli.Dispose();

    [TestCase("a fox\n", "a fox")]
    [TestCase("a fox\r\n", "a fox")]
    [TestCase("a fox", "a fox")]
    [TestCase("two\nlines\n", "two\nlines")]
    [TestCase("\uFEFF一只猫\n", "一只猫")]
    public async Task A_dash_reads_the_prompt_without_its_last_line_end(string input, string prompt)
    {
        cli.Input = CliRunner.Utf8(input);

        CliOutcome outcome = await cli.GenerateAsync("-p", "-", "-o", cli.File("x.png"));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
            Assert.That(cli.Engine.Request!.Prompts, Is.EqualTo(new[] { prompt }));
        }
    }

    [Test]
    public async Task Bytes_that_are_not_utf8_are_refused()
    {
        cli.Input = [0x63, 0xE9];

        CliOutcome outcome = await cli.GenerateAsync("-p", "-", "-o", cli.File("x.png"));

        Assert.That((outcome.ExitCode, outcome.Error.Split('\n')[0]), Is.EqualTo((2, "error: --prompt: standard input is not UTF-8")));
    }

    [Test]
    public async Task Two_dashes_are_refused()
    {
        CliOutcome outcome = await cli.GenerateAsync("-p", "-", "-p", "-");

        Assert.That((outcome.ExitCode, outcome.Error), Is.EqualTo((2, "error: --prompt: standard input (-) can be read once only\nhint: give - once, and the other prompts as text\n")));
    }

    [Test]
    public async Task Waiting_for_standard_input_can_be_interrupted()
    {
        using CancellationTokenSource source = new();
        using ManualResetEventSlim release = new();
        cli.InputStream = new SilentStream(source, release);
        cli.Cancellation = source.Token;

        CliOutcome outcome = await cli.GenerateAsync("-p", "-", "-o", cli.File("x.png"));
        release.Set();

        Assert.That(outcome.ExitCode, Is.EqualTo(130));
    }

    /// <summary>Says nothing until it is released; the interruption comes while it is being read.</summary>
    private sealed class SilentStream(CancellationTokenSource source, ManualResetEventSlim release) : MemoryStream
    {
        public override int Read(Span<byte> buffer) => Wait();

        public override int Read(byte[] buffer, int offset, int count) => Wait();

        private int Wait()
        {
            source.Cancel();
            release.Wait(TimeSpan.FromSeconds(10));
            return 0;
        }
    }
}
