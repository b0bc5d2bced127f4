using Attune.Storage.Leases;

namespace Attune.Storage.Tests.Leases;

public sealed class SideOrderTests
{
    [Fact]
    public void Two_answers_are_shown_in_either_order_as_often_to_within_one()
    {
        for (var seed = 0; seed < 50; seed++)
            for (var overlap = 1; overlap < 8; overlap++)
            {
                var first = Enumerable.Range(0, overlap).Count(seat => SideOrder.Of(seed, 2, seat)[0] == 0);
                Assert.InRange(first - (overlap - first), -1, 1);
            }
    }

    [Fact]
    public void Over_tasks_neither_answer_is_favoured()
    {
        var first = Enumerable.Range(0, 2_000).Count(seed => SideOrder.Of(seed, 2, 0)[0] == 0);

        Assert.InRange(first, 900, 1_100); // 4.5 standard deviations of 2,000 fair draws
    }

    [Fact]
    public void Each_of_five_answers_stands_at_each_place_once_in_five_seats()
    {
        var orders = Enumerable.Range(5, 5).Select(seat => SideOrder.Of(3, 5, seat)).ToList();

        for (var place = 0; place < 5; place++)
            Assert.Equal([0, 1, 2, 3, 4], orders.Select(order => order[place]).Order());
        Assert.Empty(SideOrder.Of(3, 0, 4));
        Assert.Equal([0], SideOrder.Of(3, 1, 4));
    }

    [Fact]
    public void A_seat_is_drawn_among_those_free_by_task_and_person()
    {
        var seats = Enumerable.Range(0, 200).Select(person => SideOrder.Seat(SideOrder.SeedOf(1, $"person {person}"), overlap: 4, taken: [1])).ToList();

        Assert.Equal([0, 2, 3], seats.Distinct().Order());
        Assert.Equal(seats[0], SideOrder.Seat(SideOrder.SeedOf(1, "person 0"), overlap: 4, taken: [1]));
    }
}
