using NUnit.Framework;
using ZImage.Backends;
using ZImage.Backends.Cpu;
using ZImage.Tensors;

namespace ZImage.Tests.Backends;

[TestFixture]
[TestFixtureSource(typeof(OperatorCase), nameof(OperatorCase.Levels))]
internal sealed class AttentionTests(VectorWidth level)
{
    // A float32 score of size s is off by about s·2^-24·sqrt(terms), and that is the relative error of its weight: for |s| <= 60 some 1e-5 at most,
    // and less in the output, where the errors of the weights average out. Squared and averaged this stays below 1e-11.
    private const double Bound = 1e-11;

    private static IEnumerable<TestCaseData> Shapes()
    {
        yield return new TestCaseData(1, 1, new AttentionHeads(1, 1, 64, false)).SetArgDisplayNames("one row");
        yield return new TestCaseData(5, 3, new AttentionHeads(2, 1, 20, false)).SetArgDisplayNames("odd head");
        yield return new TestCaseData(3, 2, new AttentionHeads(3, 3, 1, false)).SetArgDisplayNames("head of one");
        yield return new TestCaseData(97, 193, new AttentionHeads(4, 2, 80, false)).SetArgDisplayNames("past a key block");
        yield return new TestCaseData(150, 96, new AttentionHeads(2, 2, 128, false)).SetArgDisplayNames("a whole key block");
        yield return new TestCaseData(49, 1000, new AttentionHeads(1, 1, 96, false)).SetArgDisplayNames("many keys");
        yield return new TestCaseData(100, 700, new AttentionHeads(1, 1, 512, false)).SetArgDisplayNames("wide head");
        yield return new TestCaseData(130, 130, new AttentionHeads(8, 2, 128, true)).SetArgDisplayNames("causal grouped");
        yield return new TestCaseData(311, 311, new AttentionHeads(2, 1, 20, true)).SetArgDisplayNames("causal odd head");
        yield return new TestCaseData(1, 1, new AttentionHeads(2, 2, 8, true)).SetArgDisplayNames("causal one row");
    }

    [TestCaseSource(nameof(Shapes))]
    public void Attention_agrees_with_float64(int queries, int keys, AttentionHeads heads)
    {
        using OperatorCase test = new(level);
        (Tensor q, Tensor k, Tensor v) = Inputs(test, queries, keys, heads, 1);
        Check(test, q, k, v, heads, [new AttentionSpan(0, queries, 0, keys)], Bound);
    }

    [Test]
    public void Large_scores_stay_exact([Values(20, 128)] int headDim)
    {
        using OperatorCase test = new(level);
        AttentionHeads heads = new(2, 2, headDim, false);

        // Products of q and k have deviation 15·sqrt(headDim), so scores have deviation 15 and reach about 60.
        (Tensor q, Tensor k, Tensor v) = Inputs(test, 200, 400, heads, 15);
        Check(test, q, k, v, heads, [new AttentionSpan(0, 200, 0, 400)], Bound);
    }

    [Test]
    public void One_dominating_key_takes_all_wherever_it_stands([Values(0, 95, 96, 250)] int key)
    {
        using OperatorCase test = new(level);
        AttentionHeads heads = new(1, 1, 64, false);
        (Tensor q, Tensor k, Tensor v) = Inputs(test, 30, 251, heads, 1);
        q.AsSpan<float>().Fill(4f);
        k.Slice(key, 1).AsSpan<float>().Fill(5f);
        Check(test, q, k, v, heads, [new AttentionSpan(0, 30, 0, 251)], Bound);
    }

    [Test]
    public void Strided_views_of_one_buffer_and_ragged_spans_agree_with_float64()
    {
        using OperatorCase test = new(level);
        AttentionHeads heads = new(4, 2, 24, false);
        Tensor fused = test.Normal(300, 8 * 24);
        Tensor q = fused.Columns(0, 96), k = fused.Columns(96, 48), v = fused.Columns(144, 48);
        AttentionSpan[] spans = [new(0, 70, 0, 130), new(70, 0, 5, 0), new(70, 130, 130, 101), new(200, 100, 250, 50)];
        Check(test, q, k, v, heads, spans, Bound);
    }

    [Test]
    public void Rows_outside_every_span_are_left_alone()
    {
        using OperatorCase test = new(level);
        AttentionHeads heads = new(1, 1, 16, false);
        (Tensor q, Tensor k, Tensor v) = Inputs(test, 12, 12, heads, 1);
        Tensor y = test.Empty(12, 16);
        y.AsSpan<float>().Fill(7f);
        test.Backend.Attention(q, k, v, y, heads, [new AttentionSpan(2, 3), new AttentionSpan(8, 2)]);
        for (int row = 0; row < 12; row++)
        {
            bool outside = row is < 2 or (>= 5 and < 8) or >= 10;
            Assert.That(y.Slice(row, 1).AsSpan<float>().ToArray().All(value => value == 7f), Is.EqualTo(outside), $"row {row}");
        }
    }

    [Test]
    public void Results_do_not_depend_on_threads_or_on_other_items([Values] bool causal)
    {
        AttentionHeads heads = new(6, 3, 40, causal);
        float[] expected = Run(1, [new AttentionSpan(100, 233)]);
        Assert.That(Run(2, [new AttentionSpan(100, 233)]), Is.EqualTo(expected), "two threads");
        Assert.That(Run(3, [new AttentionSpan(0, 100), new AttentionSpan(100, 233), new AttentionSpan(333, 400)]), Is.EqualTo(expected), "among others");

        float[] Run(int threads, AttentionSpan[] spans)
        {
            using OperatorCase test = new(level, threads);
            (Tensor q, Tensor k, Tensor v) = Inputs(test, 733, 733, heads, 1);
            Tensor y = test.Empty(733, heads.Heads * heads.HeadDim);
            test.Backend.Attention(q, k, v, y, heads, spans);
            return OperatorCase.Bits(y.Slice(100, 233));
        }
    }

    [TestCase(3e18f)]
    [TestCase(3e19f)]
    [TestCase(1e-38f)]
    public void Extreme_values_give_finite_rows(float size)
    {
        using OperatorCase test = new(level);
        AttentionHeads heads = new(1, 1, 32, false);
        (Tensor q, Tensor k, Tensor v) = Inputs(test, 20, 150, heads, 1);

        // All products of a row have one sign: their sum may pass the largest float, but is never ∞ - ∞.
        for (int row = 0; row < 150; row++)
        {
            k.Slice(row, 1).AsSpan<float>().Fill(row % 3 == 0 ? -size : size);
        }

        q.AsSpan<float>().Fill(size);
        Tensor y = test.Empty(20, 32);
        test.Backend.Attention(q, k, v, y, heads, [new AttentionSpan(0, 20, 0, 150)]);
        double largest = OperatorCase.Read(v).Max(Math.Abs);
        Assert.That(OperatorCase.Read(y), Has.All.InRange(-largest, largest));
    }

    [Test]
    public void A_value_that_is_not_a_number_shows_in_its_row_alone()
    {
        using OperatorCase test = new(level);
        AttentionHeads heads = new(1, 1, 16, false);
        (Tensor q, Tensor k, Tensor v) = Inputs(test, 60, 100, heads, 1);
        q.Slice(7, 1).AsSpan<float>()[3] = float.NaN;
        Tensor y = test.Empty(60, 16);
        test.Backend.Attention(q, k, v, y, heads, [new AttentionSpan(0, 60, 0, 100)]);
        for (int row = 0; row < 60; row++)
        {
            Assert.That(y.Slice(row, 1).AsSpan<float>().ToArray().All(float.IsFinite), Is.EqualTo(row != 7), $"row {row}");
        }
    }

    private static (Tensor Q, Tensor K, Tensor V) Inputs(OperatorCase test, int queries, int keys, AttentionHeads heads, double deviation) => (
        test.Spread(deviation, 0, queries, heads.Heads * heads.HeadDim),
        test.Spread(1, 0, keys, heads.KeyHeads * heads.HeadDim),
        test.Spread(1, 0, keys, heads.KeyHeads * heads.HeadDim));

    private static void Check(OperatorCase test, Tensor q, Tensor k, Tensor v, AttentionHeads heads, AttentionSpan[] spans, double bound)
    {
        Tensor y = test.Empty(q.Shape[0], q.Shape[1]);
        test.Backend.Attention(q, k, v, y, heads, spans);
        double nmse = OperatorCase.Nmse(y, Reference(q, k, v, heads, spans));
        TestContext.Out.WriteLine($"NMSE {nmse:E2}, {nmse / bound:P1} of the bound");
        Assert.That(nmse, Is.LessThanOrEqualTo(bound));
    }

    private static double[] Reference(Tensor q, Tensor k, Tensor v, AttentionHeads heads, AttentionSpan[] spans)
    {
        double[] qs = OperatorCase.Read(q), ks = OperatorCase.Read(k), vs = OperatorCase.Read(v), result = new double[qs.Length];
        int d = heads.HeadDim;
        foreach (AttentionSpan span in spans)
        {
            for (int i = 0; i < span.QueryCount; i++)
            {
                for (int head = 0; head < heads.Heads; head++)
                {
                    int qAt = ((span.QueryStart + i) * q.Shape[1]) + (head * d);
                    int keyHead = head / (heads.Heads / heads.KeyHeads);
                    int KeyAt(int j) => ((span.KeyStart + j) * k.Shape[1]) + (keyHead * d);
                    int seen = heads.Causal ? i + 1 : span.KeyCount;
                    double[] scores = new double[seen];
                    for (int j = 0; j < seen; j++)
                    {
                        int at = KeyAt(j);
                        for (int e = 0; e < d; e++)
                        {
                            scores[j] += qs[qAt + e] * ks[at + e];
                        }

                        scores[j] /= Math.Sqrt(d);
                    }

                    double top = scores.Max(), sum = scores.Sum(score => Math.Exp(score - top));
                    for (int j = 0; j < seen; j++)
                    {
                        double weight = Math.Exp(scores[j] - top) / sum;
                        int at = KeyAt(j);
                        for (int e = 0; e < d; e++)
                        {
                            result[qAt + e] += weight * vs[at + e];
                        }
                    }
                }
            }
        }

        return result;
    }
}
