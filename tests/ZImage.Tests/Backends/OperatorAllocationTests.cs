using NUnit.Framework;
using ZImage.Backends;
using ZImage.Backends.Cpu;
using ZImage.Tensors;

namespace ZImage.Tests.Backends;

[TestFixture]
internal sealed class OperatorAllocationTests
{
    private static readonly int[] Ids = [3, 1, 4];
    private static readonly float[] Times = [0.5f, 1f];
    private static readonly AttentionSpan[] Spans = [new(0, 100), new(100, 156)];

    private static readonly (string Name, Action<CpuBackend, Inputs> Call)[] Calls =
    [
        ("Attention", (b, i) => b.Attention(i.Wide.Columns(0, 64), i.Wide.Columns(64, 32), i.Wide.Columns(96, 32), i.Narrow, new AttentionHeads(4, 2, 16, true), Spans)),
        ("RmsNorm", (b, i) => b.RmsNorm(i.Wide, i.Weight, i.Weight, 1e-6f, i.Wide)),
        ("ResidualNorm", (b, i) => b.ResidualNorm(i.Wide, i.Other, i.Weight, i.Weight, i.Weight, i.Weight, 1e-6f, i.Other)),
        ("LayerNorm", (b, i) => b.LayerNorm(i.Wide, i.Weight, 1e-6f, i.Other)),
        ("HeadNormRope", (b, i) => b.HeadNormRope(i.Narrow.Slice(0, 1), i.Narrow, default, default, i.Table, i.Table, RopeLayout.Interleaved, 1e-6f)),
        ("SwiGlu", (b, i) => b.SwiGlu(i.Wide.Columns(0, 128), i.Narrow)),
        ("Silu", (b, i) => b.Silu(i.Wide, i.Other)),
        ("Add", (b, i) => b.Add(i.Wide, i.Other)),
        ("Modulation", (b, i) => b.Modulation(i.Narrow, 16, i.Narrow)),
        ("Gather", (b, i) => b.Gather(i.Wide, Ids, i.Other.Slice(0, 3))),
        ("TimestepEmbedding", (b, i) => b.TimestepEmbedding(Times, i.Narrow.Slice(0, 2))),
        ("Patchify", (b, i) => b.Patchify(i.Latents, 2, 70, i.Narrow.Slice(0, 140))),
        ("Unpatchify", (b, i) => b.Unpatchify(i.Narrow, 2, i.Latent)),
        ("CopyRows", (b, i) => b.CopyRows(i.Wide.Columns(64, 64), i.Narrow)),
        ("FillRows", (b, i) => b.FillRows(i.Weight, i.Wide)),
        ("EulerStep", (b, i) => b.EulerStep(i.Wide, i.Other, 0.5f, 0.2f)),
        ("Guidance", (b, i) => b.Guidance(i.Wide, i.Other, 3f, 1f)),
        ("Blend", (b, i) => b.Blend(0.5f, i.Wide, 0.2f, i.Other)),
        ("LatentsToChannelsLast", (b, i) => b.LatentsToChannelsLast(i.Latents, 2f, 1f, i.ChannelsLast)),
        ("ChannelsLastToLatents", (b, i) => b.ChannelsLastToLatents(i.ChannelsLast, 2f, 1f, i.Latents)),
        ("ToRgb8", (b, i) => b.ToRgb8(i.Picture, i.Rgb)),
        ("FromRgb8", (b, i) => b.FromRgb8(i.Rgb, i.Picture)),
    ];

    private static IEnumerable<string> Names => Calls.Select(call => call.Name);

    [Test]
    public void Operators_allocate_nothing_after_the_first_calls([ValueSource(nameof(Names))] string name)
    {
        Action<CpuBackend, Inputs> call = Calls.Single(entry => entry.Name == name).Call;
        using OperatorCase test = new(GemmLayout.Best, 2);
        Inputs inputs = new(test);
        for (int i = 0; i < 3; i++)
        {
            call(test.Backend, inputs);
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 10; i++)
        {
            call(test.Backend, inputs);
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    /// <summary>Operands large enough that both threads work.</summary>
    private sealed class Inputs(OperatorCase test)
    {
        public Tensor Wide { get; } = test.Normal(256, 192);

        public Tensor Other { get; } = test.Normal(256, 192);

        public Tensor Narrow { get; } = test.Normal(256, 64);

        public Tensor Table { get; } = test.Normal(256, 8);

        public Tensor Weight { get; } = test.Normal(192);

        public Tensor Latents { get; } = test.Normal(2, 16, 16, 16);

        public Tensor Latent { get; } = test.Normal(16, 16, 16);

        public Tensor ChannelsLast { get; } = test.Normal(2, 16, 16, 16);

        public Tensor Picture { get; } = test.Normal(128, 128, 3);

        public byte[] Rgb { get; } = new byte[128 * 128 * 3];
    }
}
