using NUnit.Framework;
using ZImage.Backends;
using ZImage.Backends.Cpu;
using ZImage.Tensors;

namespace ZImage.Tests.Backends;

[TestFixture]
internal sealed class OperatorChecksTests
{
    private static readonly int[] OutsideIds = [0, 8];

    private static readonly (string Name, Action<CpuBackend, OperatorCase> Call, string Says)[] Misfits =
    [
        ("weight of another width", (b, t) => b.RmsNorm(t.Normal(2, 8), t.Normal(7), default, 0, t.Empty(2, 8)), "RmsNorm does not take x F32 [2, 8], weight F32 [7], scale empty, y F32 [2, 8]"),
        ("output of another shape", (b, t) => b.RmsNorm(t.Normal(2, 8), t.Normal(8), default, 0, t.Empty(8, 2)), "y F32 [8, 2]"),
        ("missing weight", (b, t) => b.RmsNorm(t.Normal(2, 8), default, default, 0, t.Empty(2, 8)), "weight empty"),
        ("h without its weight", (b, t) => b.ResidualNorm(t.Normal(2, 8), t.Normal(2, 8), default, default, default, default, 0, t.Empty(2, 8)), "nextWeight empty"),
        ("scale of another width", (b, t) => b.LayerNorm(t.Normal(2, 8), t.Normal(2, 8), 0, t.Empty(2, 8)), "scale F32 [2, 8]"),
        ("width that no head fills", (b, t) => b.HeadNormRope(t.Normal(2, 8), t.Normal(2, 10), default, default, t.Normal(2, 4), t.Normal(2, 4), RopeLayout.HalfSplit, 0), "k F32 [2, 10]"),
        ("more queries than keys", (b, t) => b.HeadNormRope(t.Normal(3, 8), t.Normal(2, 8), default, default, t.Normal(2, 4), t.Normal(2, 4), RopeLayout.HalfSplit, 0), "q F32 [3, 8]"),
        ("tables of other rows", (b, t) => b.HeadNormRope(t.Normal(2, 8), t.Normal(2, 8), default, default, t.Normal(3, 4), t.Normal(3, 4), RopeLayout.HalfSplit, 0), "cos F32 [3, 4]"),
        ("halves of another width", (b, t) => b.SwiGlu(t.Normal(2, 8), t.Empty(2, 3)), "gateUp F32 [2, 8]"),
        ("rows with gaps", (b, t) => b.Silu(t.NormalWithGaps(2, 8), t.Empty(2, 8)), "(row stride 15)"),
        ("chunks that do not divide", (b, t) => b.Modulation(t.Normal(2, 8), 3, t.Empty(2, 8)), "chunks of 3"),
        ("row outside the table", (b, t) => b.Gather(t.Normal(8, 4), OutsideIds, t.Empty(2, 4)), "Gather of row 8"),
        ("patch that does not divide", (b, t) => b.Patchify(t.Normal(1, 2, 3, 4), 2, 4, t.Empty(4, 8)), "patch 2"),
        ("rows of another width", (b, t) => b.CopyRows(t.Normal(2, 8), t.Empty(2, 7)), "destination F32 [2, 7]"),
        ("predictions of another shape", (b, t) => b.EulerStep(t.Normal(2, 8), t.Normal(16), 1, 0), "EulerStep"),
        ("bytes of another number", (b, t) => b.ToRgb8(t.Normal(2, 2, 3), new byte[11]), "11 bytes"),
        ("heads that do not divide", (b, t) => Attend(b, t, new AttentionHeads(3, 2, 4, false), new AttentionSpan(0, 4)), "KeyHeads = 2"),
        ("span outside the rows", (b, t) => Attend(b, t, new AttentionHeads(2, 1, 4, false), new AttentionSpan(1, 4)), "QueryStart = 1"),
        ("queries without keys", (b, t) => Attend(b, t, new AttentionHeads(2, 1, 4, false), new AttentionSpan(0, 4, 0, 0)), "KeyCount = 0"),
        ("causal with other keys", (b, t) => Attend(b, t, new AttentionHeads(2, 1, 4, true), new AttentionSpan(0, 3, 0, 4)), "Causal = True"),
    ];

    private static IEnumerable<string> Names => Misfits.Select(misfit => misfit.Name);

    [Test]
    public void Operands_that_do_not_fit_are_named_in_the_error([ValueSource(nameof(Names))] string name)
    {
        (_, Action<CpuBackend, OperatorCase> call, string says) = Misfits.Single(misfit => misfit.Name == name);
        using OperatorCase test = new(GemmLayout.Best, 1);
        Assert.That(() => call(test.Backend, test), Throws.ArgumentException.With.Message.Contains(says));
    }

    private static void Attend(CpuBackend backend, OperatorCase test, AttentionHeads heads, AttentionSpan span) =>
        backend.Attention(test.Normal(4, 8), test.Normal(4, 4), test.Normal(4, 4), test.Empty(4, 8), heads, [span]);
}
